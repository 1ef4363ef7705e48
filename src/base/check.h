/* Assertions that stay on in releases: we, or a trusted sibling, are wrong. Never for anything
 * that a peer or the world can cause. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* A place that is never reached; `text` says what must hold instead. */
#define BUG(text) check_failed((text), __FILE__, __LINE__)

/* Writes one line to standard error and aborts. */
_Noreturn void check_failed(const char *condition, const char *file, int line);

#endif
