/*
 * Calls that fail on purpose. The program is linked with --wrap for each call in faults.c, so
 * the code under test meets the fault, and nothing else is changed.
 *
 *   for (faults_begin(&plan); faults_next(&plan);) { arm; the work; disarm; check }
 */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include <stdbool.h>

/* What fails, and how. */
struct fault_plan {
    int number;       /* the errno of calls that fail; allocations just fail */
    bool lasting;     /* from the n-th call on all fail, else only that one */
    bool short_calls; /* reads and writes do half of what they should, and nothing fails */
};

/* From here on the n-th call (from 0) fails as planned. */
void faults_arm(const struct fault_plan *plan, unsigned n);

/* From here on nothing fails. True if a call has failed since faults_arm(): a larger n is of
 * use. */
bool faults_disarm(void);

/* What was done to the disk since faults_arm(), in order: "unlink cur/1.a:2,", "sync cur",
 * "rename tmp/1.a new/1.a", "mkdir inbox", "sync 1.a". Failed calls are not in it. */
const char *faults_trace(void);

/* How many calls of these kinds were made since faults_arm(). */
unsigned faults_count_open(void);
unsigned faults_count_list(void);
unsigned faults_count_read(void);

/* Successful unlinks since faults_arm() that an fsync of their folder followed. */
unsigned faults_durable_unlinks(void);

#endif
