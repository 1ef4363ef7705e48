/* Every limit of the programs, with its reason. Those of the protocol are in pop/limits.h. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <pop/limits.h>

/* Messages in one maildrop. Their records (16 octets) and names stay below the 4 GiB that the
 * 32-bit offsets of a snapshot can address. */
#define MAILDROP_MESSAGES_MAX 16000000u

/* NAME_MAX of Linux file systems: a Maildir file name. */
#define FILE_NAME_MAX_LEN 255u

/* A user name at login: RFC 4616 wants 255 octets accepted (R4616-2); the POP3 command line
 * is shorter anyway. */
#define USER_NAME_MAX 255u

/* A password: as for user names. crypt(3) itself stops at 512. */
#define PASSWORD_MAX 255u

/* A path after expansion of its template. PATH_MAX with its NUL. */
#define PATH_LEN_MAX 4096u

/* A line of the user file: name, hash (yescrypt: about 100), ids, gecos, two paths. */
#define PASSWD_LINE_MAX 8192u

/* Message files handed to front in one message. The kernel's SCM_MAX_FD is 253; 32 amortise
 * the wake-up (60 us a round trip, 3 us a descriptor), more only hold descriptors longer. */
#define FETCH_BATCH_MAX 32u

/* A snapshot up to this goes by value in one message; above it goes as a sealed memfd. One
 * SEQPACKET message must fit the socket buffer (208 KiB by default). */
#define SNAPSHOT_INLINE_MAX 16384u

/* How long a login waits for a maildrop that another session is just leaving (R1939-56: a
 * second login is refused within two seconds). */
#define LOCK_WAIT_MS 1000

/* How long a role waits for another one to read what it is sent. A socket holds some hundred
 * messages, so a healthy role is behind for milliseconds; one that was taken over and reads
 * nothing must not hold up auth or store, which serve all others too. */
#define IPC_PATIENCE_MS 5000

/* A folder time nearer than this to the scan that saw it may hide a change made in the same
 * tick. The kernel's coarse clock ticks every 1 to 10 ms; NFS and FAT are coarser. */
#define FOLDER_TIME_SLACK_NS 20000000ll

/* Message octets beyond LIST's size that the client still takes: sizes may lie (R1939-53), an
 * endless answer must not fill the disk. */
#define OVERRUN_FACTOR 16u
#define OVERRUN_MAX    (64ull << 20)

/* The server's configuration file. A complete one with every option is about 4 KiB. */
#define CONF_FILE_MAX 262144u

/* Addresses to serve on, and sources of users: each is a descriptor or an open file. */
#define CONF_SECTIONS_MAX 64u

/* A stored password. crypt(3) writes at most 383 octets, SCRAM about 150, {PLAIN} PASSWORD_MAX;
 * with a {SCHEME} before it. */
#define HASH_TEXT_MAX 512u

/* Passwords of a user beside its own, for single programs: a person has that many devices. Each
 * is tried, so that a wrong password costs as much as all of them. */
#define CREDENTIALS_MAX 8u

/* What such a password is for, in the log. */
#define LABEL_MAX 63u

/* Until a source outside (directory, database, PAM) has to have answered: longer than a slow
 * one needs, shorter than clients wait. */
#define SOURCE_SECONDS_MAX 10

/* Questions to one such source that wait for its answer; beyond it: [SYS/TEMP]. And threads of
 * its helper that ask: with answers of 10 ms, 400 logins a second. */
#define SOURCE_QUESTIONS_MAX 256u
#define SOURCE_THREADS       4u

/* An OAuth 2 token. Those of large directories, with a user's groups in them, reach 6 KiB; with
 * the rest of its message it fits a SASL message between the roles. */
#define TOKEN_MAX 8192u

/* How far the clock of who issues tokens may be ahead of ours: without NTP, a minute. */
#define TOKEN_CLOCK_SECONDS 60

/* A file with a password or a client's secret: one line. The secrets that servers make have up
 * to some hundred octets. */
#define CLIENT_SECRET_MAX 1024u

/* What an introspection endpoint may answer: the claims of a token, in clear. */
#define INTROSPECTION_BODY_MAX 65536u

/* A file of keys (RFC 7517). An issuer has two or three, with certificate chains 10 KiB each;
 * a token that names none is tried with all of them. */
#define JWKS_FILE_MAX 262144u
#define JWKS_KEYS_MAX 64u

/* Objects in objects in JSON from outside, which cJSON reads by recursion, and members of one
 * object, whose names are compared with each other. */
#define JSON_DEPTH_MAX   32u
#define JSON_MEMBERS_MAX 256u

/* A user file: a million users with long hashes. What is larger was not meant. */
#define PASSWD_FILE_MAX (256ull << 20)

/* Bad lines of a user file that are reported one by one; the rest is counted. */
#define PASSWD_REPORTS_MAX 20u

/* Iterations of SCRAM: 600000 is today's advice for PBKDF2 and takes 0.2 s; ten million is
 * where one login would hold a hashing thread for seconds. */
#define SCRAM_ITERATIONS_MAX 10000000u

/* Those of passwords that are stored here. The client works them off at each login: 0.15 s with
 * GNU SASL, 0.9 s for the 600000 above, on a phone more. For USER and PASS the server does it:
 * 57 ms, three times yescrypt. RFC 7677 wants 4096 at least. */
#define SCRAM_ITERATIONS_NEW 100000u

/* Hashing threads: one per core; more than 8 cores of yescrypt (16 MiB each) starve the rest.
 */
#define VERIFIER_THREADS_MAX 8u

/* How far they give way to everything else, -20 to 19: beside a busy neighbour of nice 0 a
 * thread of 10 has a tenth. */
#define VERIFIER_NICE 10

/* Logins that wait for a hashing thread: at 18 ms each and one core, the last waits 4.6 s,
 * which is as long as a client should see no answer. Beyond it: [SYS/TEMP] (R3206-2). */
#define VERIFIER_QUEUE_MAX 256u

/* Right passwords that are remembered at a time, 24 octets each, and places of right logins, 8
 * octets each: a host with more users that come every few minutes hashes some again. */
#define MEMORY_PASSWORDS_MAX 32768u
#define MEMORY_PLACES_MAX    65536u

/* Last logins that are remembered for login-delay-seconds, 16 octets each. Two users may share
 * a place: then one of them waits less. */
#define MEMORY_LOGINS_MAX 65536u

/* Places and names whose refused logins are counted at a time: 1 MiB and half of one. A botnet
 * has some ten thousand addresses, of which each tries little; what is beyond pushes out the
 * oldest counts, never memory. */
#define PENALTY_ADDRESSES_MAX 32768u
#define PENALTY_USERS_MAX     16384u

/* Networks whose proxies may speak to one listener. */
#define PROXY_NETWORKS_MAX 32u

/* Bans that wait for ban-command. It takes milliseconds; if it hangs, it is killed after its
 * time, and what does not fit here is left to the log. */
#define BAN_QUEUE_MAX  64u
#define BAN_COMMAND_MS 10000

/* Fronts of isolation = "connection" that serve at a time: each is a process of about 1.5 MiB
 * of its own, and a channel in auth and in store. 2048 are 3 GiB, and below the 4096
 * descriptors that a host grants at least. `connections` is lowered to it, less the spare ones.
 */
#define SINGLE_FRONTS_MAX 2048u

/* Store processes of owner = "user" at a time, one for each owner of maildrops: some 1.5 MiB
 * each, and a channel in auth and in every front. Beyond it the one that was used least
 * recently makes room; if none ends in time: [SYS/TEMP]. */
#define OWNER_STORES_MAX 1024u

/* Logins that wait until such a process is there, and for how long: starting one takes
 * milliseconds, and a second on a host that is all busy. Beyond it: [SYS/TEMP]. */
#define OWNER_WAITING_MAX 256u
#define OWNER_WAIT_MS     5000

/* A connection that has not logged in gives way to a new one only after this: time for a lost
 * segment to come again and for a login on a slow line. */
#define GIVE_WAY_MS 2000

#endif
