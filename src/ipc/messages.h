/*
 * What the roles say to each other: one table says who may send a message to
 * whom, in which state of the session, and its exact fields.
 *
 * A message is one SEQPACKET: struct ipc_header and the body named beside the
 * type. One way round at login: front asks auth, auth tells store, store
 * answers front; auth answers front only to refuse. Front can open nothing:
 * OPEN comes from auth alone, and what front asks store is about sessions that
 * auth had opened for it.
 */
#ifndef IPC_MESSAGES_H
#define IPC_MESSAGES_H

#include "base/limits.h"
#include "base/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ipc_role {
    IPC_PARENT,
    IPC_FRONT,
    IPC_AUTH,
    IPC_STORE,
    IPC_KEYS,
    IPC_SOURCE, /* a helper of auth that asks a directory, a database, ... */
    IPC_ROLE_COUNT,
};

enum ipc_type {
    /* parent to the roles; settings are gathered until START makes them valid */
    IPC_FRONT_SETTINGS,
    IPC_AUTH_SETTINGS,
    IPC_AUTH_SOURCE,
    IPC_SOURCE_OPTION,
    IPC_STORE_SETTINGS,
    IPC_LISTENER,    /* + the listening socket */
    IPC_CLIENT_CA,   /* + the file of a set of certificates that follows */
    IPC_CERTIFICATE, /* + the file; the last one of a set puts the set in force */
    IPC_TICKETS,
    IPC_KEY,     /* + the certificate's file and the key's */
    IPC_TALLY,   /* + memfd of the connection counters */
    IPC_CHANNEL, /* + the socket to another role */
    IPC_START,
    IPC_NO_STORE,     /* auth: it needed one */
    IPC_FORGET_STORE, /* auth: its channel is to be closed */
    IPC_DRAIN,        /* front: accept no more, end when the last session has ended */
    IPC_GIVE_WAY,     /* front: its one connection has lost its place to a new one */
    /* the roles to parent */
    IPC_READY,
    IPC_TAKEN, /* front: it has its one connection and ends with it */
    IPC_KEY_JUDGED,
    IPC_BANNED,
    IPC_NEED_STORE, /* auth: a channel to one that runs as the owner of a maildrop */
    IPC_IDLE,       /* such a store: it has had nothing to do for a while */
    /* front to auth */
    IPC_CHECK,
    IPC_LOGIN,
    IPC_APOP,
    IPC_SASL_BEGIN,
    IPC_SASL_RESPONSE,
    IPC_SASL_CANCEL,
    /* auth to front */
    IPC_OFFER,
    IPC_CHECKED,
    IPC_SASL_CHALLENGE,
    IPC_OPENING, /* the login is right; a store with a number is asked to open */
    IPC_LOGIN_REFUSED,
    /* auth to a source, and back */
    IPC_ASK,
    IPC_SOURCE_MODE,
    IPC_ANSWER,
    /* auth to store */
    IPC_OPEN,
    /* store to front */
    IPC_OPENED, /* the snapshot by value, or + a sealed memfd */
    IPC_OPEN_REFUSED,
    IPC_FETCHED, /* + a descriptor for each message that could be opened */
    IPC_COMMITTED,
    /* front to keys, and back */
    IPC_SIGN,
    IPC_SIGNED,
    /* front to store */
    IPC_FETCH,
    IPC_SUSPECT,
    IPC_MARKS,
    IPC_COMMIT,
    IPC_CLOSE,
    IPC_TYPE_COUNT,
};

/* How far a session has come, as the receiver of front's messages knows it. */
enum ipc_state {
    IPC_STATE_NONE,      /* no such session; auth: no exchange is under way in it */
    IPC_STATE_EXCHANGE,  /* auth: a SASL exchange is */
    IPC_STATE_OPEN,      /* store: the maildrop is open */
    IPC_STATE_COMMITTED, /* store: QUIT has had its answer; only CLOSE is left */
};

struct ipc_header {
    uint32_t type;    /* enum ipc_type */
    uint32_t number;  /* of the front it is about; only auth to store sets it */
    uint64_t session; /* front's handle; 0 where there is none */
};

/* A short text with its length; not NUL-terminated. */
struct ipc_text {
    uint16_t len;
    char data[USER_NAME_MAX];
};

struct ipc_path {
    uint16_t len;
    char data[PATH_LEN_MAX];
};

enum ipc_plaintext {
    IPC_PLAINTEXT_NEVER,
    IPC_PLAINTEXT_LOOPBACK,
    IPC_PLAINTEXT_ALWAYS,
};

struct ipc_front_settings {
    struct ipc_text hostname;
    uint32_t number;      /* of this front, never used twice */
    uint32_t tally_row;   /* its row in the connection counters */
    uint32_t tally_rows;  /* how many there are */
    uint32_t tally_small; /* how many of those, at the end, are for single connections */
    uint32_t single;      /* it serves one connection, then ends */
    uint32_t plaintext;   /* enum ipc_plaintext */
    uint32_t check_user;  /* unknown names are refused at USER */
    uint32_t tls;         /* there are certificates: STLS is offered */
    uint32_t apop;        /* greetings have a timestamp */
    uint32_t connections; /* limits; 0: none */
    uint32_t per_address;
    uint32_t login_seconds;
    uint32_t idle_seconds;
    uint32_t reader_octets;
    uint32_t mistakes_per_session;
    uint32_t commands_before_login;
    uint32_t login_delay_seconds;
};

struct ipc_listener {
    uint32_t tls;         /* 1: TLS before the greeting */
    uint32_t proxy_count; /* networks of proxies; 0: the listener is for clients */
    struct network proxies[PROXY_NETWORKS_MAX];
};

struct ipc_certificate {
    uint32_t key;   /* the number of its private key */
    uint32_t index; /* in the set, from 0 */
    uint32_t count; /* of the set */
};

/* The keys of TLS tickets, current and previous; net/tls_server.h says what is in them. */
#define IPC_TICKETS_SIZE 160u
struct ipc_tickets {
    unsigned char octets[IPC_TICKETS_SIZE];
};

/* A private key and its certificate. Keys are told apart by their numbers, never used twice. */
struct ipc_key {
    uint32_t key;
    uint32_t first; /* of the set that it belongs to: earlier ones are not in force any more */
};

struct ipc_key_judged {
    uint32_t key;
    uint32_t usable; /* 0 or 1; 0: the text says why */
    struct ipc_text text;
};

#define IPC_SIGN_INPUT_MAX  512u
#define IPC_SIGN_OUTPUT_MAX 1024u
struct ipc_sign {
    uint32_t key;
    uint32_t signature; /* enum tls_signature */
    uint32_t pss;       /* 0 or 1 */
    uint32_t len;
    char input[IPC_SIGN_INPUT_MAX];
};

struct ipc_signed {
    uint32_t len; /* 0: refused */
    char signature[IPC_SIGN_OUTPUT_MAX];
};

/* Who the process is that opens a maildrop. */
enum ipc_owners {
    IPC_OWNERS_NONE,     /* the same for all */
    IPC_OWNERS_IDS,      /* the maildrop's owner */
    IPC_OWNERS_AND_HOME, /* and it reaches the home alone */
    IPC_OWNERS_COUNT,
};

struct ipc_auth_settings {
    uint32_t source_count;     /* this many IPC_AUTH_SOURCE follow */
    uint32_t mechanisms;       /* to be offered, a set of enum mechanism; 0: those that fit */
    uint32_t apop;             /* 0 or 1: it is taken */
    uint32_t certificates;     /* 0 or 1: a client's says who it is, if front says so */
    uint32_t failure_delay_ms; /* limits; 0: none */
    uint32_t failure_delay_max_ms;
    uint32_t failures_per_address;
    uint32_t failure_window_seconds; /* not 0 */
    uint32_t password_memory_seconds;
    uint32_t login_delay_seconds; /* between logins of a user; 0: none */
    uint32_t owners;              /* enum ipc_owners */
    uint32_t owner_processes;     /* stores for them at a time; not 0 */
};

/* A store for each owner of maildrops. They are needed, and end when they are idle: their
 * numbers are never used twice, that of the one for all is 0. */
struct ipc_need_store {
    uint32_t request; /* a number of auth's, for the answer */
    uint32_t uid;
    uint32_t gid;
    struct ipc_text user; /* whose login wants it, for the log */
    struct ipc_path home; /* empty, unless that is all it may reach */
};

struct ipc_no_store {
    uint32_t request;
    uint32_t refusal; /* enum pop_refusal */
};

struct ipc_store_number {
    uint32_t number;
};

struct ipc_banned {
    struct network from;
    uint32_t seconds;
};

struct ipc_taken {
    uint32_t claimed; /* row of the front that gives way for it; UINT32_MAX: none has to */
};

struct ipc_auth_source {
    uint32_t kind;        /* enum source_kind; they are numbered in this order, from 0 */
    struct ipc_path file; /* of a passwd-file; else empty: a helper has it */
};

struct ipc_source_option {
    uint32_t option; /* enum source_option */
    struct ipc_path value;
};

struct ipc_store_settings {
    struct ipc_text engine;
    struct ipc_path location; /* template with %u %n %d %h */
    struct ipc_path root;     /* what it may reach; empty: the template says */
    uint32_t sessions_per_user;
    uint32_t owned;        /* 0 or 1: it is for one owner, and ends when auth lets go of it */
    uint32_t idle_seconds; /* until it tells that it is idle; 0: never */
};

struct ipc_channel_info {
    uint32_t role;    /* who is at the other end */
    uint32_t number;  /* which front, source, or store */
    uint32_t request; /* auth: what it had asked for; else 0 */
};

/* Whose connection it is goes with every try, for auth to count and to log. */
struct ipc_check {
    struct network_address from;
    struct ipc_text user;
};

struct ipc_login {
    struct network_address from;
    struct ipc_text user;
    struct ipc_text password;
};

struct ipc_apop {
    struct network_address from;
    struct ipc_text user;
    struct ipc_text timestamp; /* of the greeting that the client heard */
    struct ipc_text digest;    /* as it came */
};

/* Octets of a SASL message, decoded; a line of base64 is a third longer. */
#define IPC_SASL_MAX    9216u
#define IPC_BINDING_MAX 32u

/* The start of an exchange, with the client's first message if it begins. */
struct ipc_sasl_begin {
    uint32_t mechanism; /* enum mechanism */
    struct network_address from;
    uint32_t binding_len; /* of the TLS connection; 0: there is none */
    char binding[IPC_BINDING_MAX];
    struct ipc_text certified; /* whom the client's certificate names; empty: nobody */
    uint32_t len;
    char octets[IPC_SASL_MAX];
};

/* A response or a challenge. */
struct ipc_sasl {
    uint32_t len;
    char octets[IPC_SASL_MAX];
};

/* The first that a source says to auth. */
struct ipc_source_mode {
    uint32_t verifies; /* 0 or 1: it judges passwords itself, and is not to be looked up in */
};

enum ipc_ask_task {
    IPC_ASK_LOOK_UP,
    IPC_ASK_VERIFY, /* the octets are the password */
    IPC_ASK_TOKEN,  /* the octets are a bearer token */
    IPC_ASK_TASK_COUNT,
};

/* The header's session is a number of auth's for this question. */
struct ipc_ask {
    uint32_t task; /* enum ipc_ask_task */
    struct network_address from;
    struct ipc_text user; /* whom it is about; TOKEN: may be empty */
    uint32_t len;
    char octets[IPC_SASL_MAX];
};

enum ipc_answer_result {
    IPC_ANSWER_FOUND, /* LOOK_UP: this is the user; else: it is right */
    IPC_ANSWER_UNKNOWN,
    IPC_ANSWER_DENIED,
    IPC_ANSWER_INVALID, /* what the source has for this user cannot be used */
    IPC_ANSWER_AWAY,    /* the source cannot be asked now */
    IPC_ANSWER_RESULT_COUNT,
};

/* What a user's passwords take: pairs of label and stored password, each with a NUL. A multiple
 * of 4, so that nothing follows it in the struct. */
#define IPC_PASSWORDS_MAX                                                                      \
    (((1 + CREDENTIALS_MAX) * (LABEL_MAX + HASH_TEXT_MAX + 2) + 3) / 4 * 4)
struct ipc_answer {
    uint32_t result;       /* enum ipc_answer_result */
    uint32_t disabled;     /* 0 or 1 */
    uint32_t uid;          /* UINT32_MAX: not given */
    uint32_t gid;          /* the same */
    struct ipc_text user;  /* as the source has it */
    struct ipc_text error; /* INVALID, AWAY: for the log */
    struct ipc_path home;  /* empty: not given */
    uint32_t len;
    char passwords[IPC_PASSWORDS_MAX];
};

struct ipc_offer {
    uint32_t mechanisms; /* a set of enum mechanism */
};

struct ipc_checked {
    uint32_t known;    /* 0 or 1 */
    uint32_t delay_ms; /* before that is answered */
};

struct ipc_refused {
    uint32_t refusal;  /* enum pop_refusal */
    uint32_t delay_ms; /* before it is answered */
};

struct ipc_open {
    uint32_t uid; /* of the maildrop's owner, UINT32_MAX: not given */
    uint32_t gid;
    struct ipc_text user;
    struct ipc_path home; /* empty: not given */
};

struct ipc_opened {
    struct ipc_text user; /* who it is, for the log */
    uint64_t size;        /* of the snapshot; it follows here, or is in the memfd */
    char snapshot[SNAPSHOT_INLINE_MAX];
};

struct ipc_fetch {
    uint32_t first; /* message index, from 0 */
    uint32_t count; /* 1 to FETCH_BATCH_MAX */
};

enum ipc_fetch_status {
    IPC_FETCH_OPEN,    /* a descriptor comes with it */
    IPC_FETCH_GONE,    /* removed by another program */
    IPC_FETCH_CHANGED, /* no longer what the snapshot promised */
    IPC_FETCH_TEMP,    /* could not be opened now */
    IPC_FETCH_PERM,    /* cannot be opened */
    IPC_FETCH_STATUS_COUNT,
};

struct ipc_fetched {
    uint32_t first;
    uint32_t count;
    uint8_t status[FETCH_BATCH_MAX]; /* enum ipc_fetch_status; descriptors in this order */
};

struct ipc_suspect {
    uint32_t index;
};

/* A piece of the bitmap of marked messages; all pieces, in order, before COMMIT. */
#define IPC_MARKS_MAX 8192u
struct ipc_marks {
    uint32_t offset; /* octets, from the start of the bitmap */
    uint32_t len;
    unsigned char bits[IPC_MARKS_MAX];
};

struct ipc_committed {
    uint32_t left; /* marked messages that could not be removed */
};

/* The largest body. */
#define IPC_BODY_MAX sizeof(struct ipc_opened)

/* May a message of this type be sent from one role to the other, with this many octets of body
 * and descriptors, and are its lengths in order? */
bool ipc_message_valid(
    enum ipc_role from, enum ipc_role to, uint32_t type, const void *body, size_t body_size,
    size_t fd_count);

/* May front's message come in this state of its session? */
bool ipc_message_allowed(uint32_t type, enum ipc_state state);

/* For the log; any number is fine. */
const char *ipc_type_name(uint32_t type);
const char *ipc_role_name(enum ipc_role role);

#endif
