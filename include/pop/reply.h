/* Reading what a server sends: status lines, response codes, listing lines, capabilities. */
#ifndef POP_REPLY_H
#define POP_REPLY_H

#include <pop/view.h>
#include <stdint.h>

struct pop_status {
    bool ok;
    struct pop_view code; /* inside the brackets, e.g. "SYS/TEMP"; empty: none (R2449-10) */
    struct pop_view text; /* for people: what follows the indicator and the code */
};

/* Reads "+OK text" or "-ERR [CODE] text". False: neither indicator (R1939-9). */
bool pop_status_parse(struct pop_view line, struct pop_status *ret_status);

/* True if `code` is `name` or below it: "SYS/TEMP" is below "SYS". Case does not matter. */
bool pop_code_is(struct pop_view code, const char *name);

/* Reads two numbers at the start ("18 67042"), whatever follows (R1939-10). */
bool pop_pair_parse(struct pop_view text, uint64_t *ret_first, uint64_t *ret_second);

/* Reads "3 unique-id"; the id is the rest without blanks at its end. Any octets but controls,
 * 1 to POP_CLIENT_UID_MAX of them: a blank inside breaks RFC 1939, but it names the message
 * all the same. */
bool pop_uidl_parse(struct pop_view text, uint64_t *ret_number, struct pop_view *ret_uid);

/* The msg-id in a greeting, with its angle brackets, for APOP; empty: none that is safe to
 * hash (R1939-36). */
struct pop_view pop_greeting_timestamp(struct pop_view greeting);

/* What CAPA told (RFC 2449, section 6). Zeroed = nothing known. */
struct pop_capabilities {
    bool known; /* CAPA was answered +OK */
    bool top;
    bool uidl;
    bool user;
    bool pipelining;
    bool resp_codes;
    bool auth_resp_code;
    bool stls;
    bool sasl; /* which mechanisms: pop_capability_word() */
    bool login_delay;
    uint32_t login_delay_seconds;
};

/* One line of the answer to CAPA; unknown ones are passed over. */
void pop_capabilities_add(struct pop_capabilities *capabilities, struct pop_view line);

/* Takes the next word from a line of CAPA, for those with a list: the name of the capability,
 * then its arguments. False: there is none left. */
bool pop_capability_word(struct pop_view *line, struct pop_view *ret_word);

#endif
