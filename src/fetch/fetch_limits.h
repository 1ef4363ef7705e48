/* The limits of the fetcher, each with its reason. */
#ifndef FETCH_FETCH_LIMITS_H
#define FETCH_FETCH_LIMITS_H

/* Octets asked for and not yet received. 1 MiB fills a line of 80 Mbit/s at 100 ms; counting
 * octets rather than commands keeps a run of large messages from piling up at the server. */
#define WINDOW_OCTETS_MAX (1u << 20)

/* What one command counts beyond LIST's size: its reply line. With it a listing full of zero
 * sizes still fills the window. */
#define WINDOW_COMMAND_COST 64u

/* One read from the server. Larger reads brought nothing on loopback. */
#define READ_SIZE 65536u

/* One write to a message file. */
#define WRITE_SIZE 65536u

/* Commands written and not yet taken by the socket: a full queue of RETR and a long PASS. */
#define SEND_SIZE 16384u

/* Lines in an answer to CAPA. Servers have some 20; nothing else ends a list without end. */
#define CAPABILITY_LINES_MAX 1000u

/* Messages in one listing, and octets of their unique-ids. The largest maildrops known have
 * some hundred thousand; a listing of this size takes 300 MiB, and a server that sends more is
 * out to fill the memory. */
#define LISTING_MESSAGES_MAX 2000000u
#define LISTING_UIDS_MAX     (128ull << 20)

/* Received messages that wait for their fsync, each with an open file. Far below the usual
 * limit of 1024 descriptors; one batch of this size keeps any disk busy. */
#define COMMIT_QUEUE_MAX 128u

/* Warnings kept for the summary; more are counted only. */
#define WARNINGS_MAX 40u

/* A text from the server shown to people, after escaping. */
#define SHOWN_TEXT_MAX 256u

/* What ended a run, in words: what is wrong with a certificate, and what can be done. */
#define REPORT_ERROR_MAX 2048u

/* A message of SCRAM from the server; they have about 100 octets. */
#define SCRAM_MESSAGE_MAX 2048u

/* RFC 7677, section 4: a server that asks for fewer is after a password that is easily guessed
 * (R7677-2). The most is SCRAM_ITERATIONS_MAX. */
#define SCRAM_ITERATIONS_MIN 4096u

/* --timeout, in seconds. */
#define TIMEOUT_DEFAULT 60u
#define TIMEOUT_MAX     86400u

/* How long another process may hold the journal's write lock: its transactions take
 * milliseconds, and a slow disk some seconds. */
#define JOURNAL_BUSY_MS 15000

#endif
