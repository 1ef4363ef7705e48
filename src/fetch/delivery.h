/*
 * Delivery into a Maildir while the network goes on: the owner's thread writes
 * each message into tmp as it comes; a committer thread takes all that are
 * complete and makes them durable together:
 *
 *   fsync of each file, rename into new, one fsync of new, one journal transaction
 *
 * Only then is a message reported, so that it may be deleted on the server. A
 * run that is killed anywhere in between leaves rows "delivering", which
 * recover() settles by looking for the files.
 *
 * All functions are for the owner's thread.
 */
#ifndef FETCH_DELIVERY_H
#define FETCH_DELIVERY_H

#include "fetch/journal.h"

struct delivery;

/* What is to happen with one complete message. */
struct delivery_job {
    size_t item;     /* the owner's */
    uint64_t octets; /* the owner's */
    bool place;      /* deliver the file; false: discard it, the message is here already */
    bool ok;         /* in the report: it is durable, and so are the changes */
    size_t change_count;
    struct journal_change changes[2]; /* stored once the file is durable; the first one is the
                                         message's own row when `place` is set */
};

/* Opens the Maildir, making what is missing. */
enum err_code
delivery_new(struct delivery **ret_delivery, const char *maildir, struct err *err);

/* Starts the committer. The journal must outlive the delivery. */
enum err_code delivery_start(
    struct delivery *delivery, struct journal *journal, int64_t account, struct err *err);

/* Readable when delivery_take() may have something. */
int delivery_event_fd(const struct delivery *delivery);

/* A message may begin. False: the disk is behind, wait for a report. */
bool delivery_has_room(const struct delivery *delivery);

/* Nothing is waiting, being committed or unreported. */
bool delivery_is_idle(const struct delivery *delivery);

/* One message: its file's name, pieces of its text as they come, its end. After a failure, or
 * instead of the end, delivery_abandon(). */
enum err_code delivery_begin(struct delivery *delivery, const char *name, struct err *err);
enum err_code delivery_text(struct delivery *delivery, struct pop_view text, struct err *err);
enum err_code
delivery_end(struct delivery *delivery, unsigned char ret_digest[DIGEST_SIZE], struct err *err);

/* Hands the message that has ended to the committer. What the changes borrow must live until
 * the job is reported. */
void delivery_submit(struct delivery *delivery, const struct delivery_job *job);

/* Drops the message that is being written; none is fine. */
void delivery_abandon(struct delivery *delivery);

/* The next job that is done with, or false. */
bool delivery_take(struct delivery *delivery, struct delivery_job *ret_job);

/* Why a job was not ok: the first failure. */
const struct err *delivery_failure(const struct delivery *delivery);

/* Waits for what was submitted. NULL is fine. */
void delivery_free(struct delivery *delivery);

#endif
