/*
 * The server's configuration: one file in libconfuse's syntax, read whole or refused.
 *
 * What may stand in it is the table in conf/option.c; that table also makes the list for
 * --help-config and the manual.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/err.h"
#include "base/limits.h"
#include "base/network.h"
#include "base/source_kind.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

/* The values of these follow the order of the words in conf/option.c. */
enum conf_transport {
    CONF_TRANSPORT_PLAIN, /* STLS is offered where there is a certificate */
    CONF_TRANSPORT_TLS,   /* TLS before the greeting */
};

enum conf_plaintext {
    CONF_PLAINTEXT_NEVER,
    CONF_PLAINTEXT_LOOPBACK,
    CONF_PLAINTEXT_ALWAYS,
};

enum conf_unknown_user {
    CONF_UNKNOWN_USER_AFTER_PASSWORD, /* USER answers alike for all names (R1939-30) */
    CONF_UNKNOWN_USER_AT_USER,
};

enum conf_switch {
    CONF_NO,
    CONF_YES,
};

enum conf_isolation {
    CONF_ISOLATION_SHARED,
    CONF_ISOLATION_CONNECTION, /* a front for each connection */
};

enum conf_owner {
    CONF_OWNER_STORE, /* user-store has all maildrops */
    CONF_OWNER_USER,  /* each is its user's, by the ids of the source */
};

struct conf_address {
    char *text; /* as written */
    struct sockaddr_storage socket;
    socklen_t len;
};

struct conf_networks {
    struct network networks[PROXY_NETWORKS_MAX];
    size_t count;
};

struct conf_listener {
    char *name;
    struct conf_address address;
    enum conf_transport transport;
    struct conf_networks proxies; /* none: this listener is for clients */
};

/* A certificate and its private key. */
struct conf_tls {
    char *certificate; /* absolute; PEM: the server's own, then those above it */
    char *key;
};

/* name[:group], names or numbers; resolved by whoever changes to it. */
struct conf_account {
    char *text;
    bool set; /* by the person; else it is the default */
};

/* A source of users. */
struct conf_auth {
    char *title; /* "ldap", or "ldap:NAME" where there are several */
    enum source_kind source;
    char *values[SOURCE_OPTION_COUNT]; /* paths are absolute; NULL: not given */
    struct conf_account user;          /* of the helper; text NULL: the kind's own */
};

struct conf_store {
    char *engine; /* "maildir" or "memory" */
    char *path;   /* an absolute template, see conf/template.h */
    enum conf_owner owner;
    int owner_line; /* where that stands; 0: nowhere */
};

/* 0: no limit. */
struct conf_limits {
    uint32_t connections;
    uint32_t per_address;
    uint32_t sessions_per_user;
    uint32_t login_seconds;
    uint32_t idle_seconds;
    uint32_t reader_octets;
    uint32_t mistakes_per_session;
    uint32_t commands_before_login;
    uint32_t failure_delay_ms;
    uint32_t failure_delay_max_ms;
    uint32_t failures_per_address;
    uint32_t failure_window_seconds;
    uint32_t password_memory_seconds;
    uint32_t login_delay_seconds;
    uint32_t owner_idle_seconds;
    uint32_t owner_processes; /* not 0 */
};

/* One for each check in conf/load.c that warns. */
#define CONF_WARNINGS_MAX 3

struct conf {
    char *hostname;
    struct conf_listener *listeners; /* one or more */
    size_t listener_count;
    struct conf_tls *tls; /* the first is for clients that name no other */
    size_t tls_count;
    enum conf_plaintext plaintext_login;
    enum conf_unknown_user unknown_user;
    enum conf_switch apop;
    uint32_t mechanisms;     /* a set of enum mechanism; 0: those that all users can use */
    struct conf_auth *auths; /* one or more, in the order of the file */
    size_t auth_count;
    struct conf_store store;
    uint32_t fronts; /* 0: one per core */
    enum conf_isolation isolation;
    struct conf_account user_front;
    struct conf_account user_auth;
    struct conf_account user_store;
    struct conf_account user_keys;
    uint32_t first_uid; /* of users that maildrops may be served as */
    char *client_ca;    /* absolute; NULL: clients are not asked for a certificate */
    char *ban_command;  /* absolute; NULL: none */
    struct conf_limits limits;
    char *warnings[CONF_WARNINGS_MAX]; /* allowed, but to be known: for the log */
    size_t warning_count;
};

/*
 * Reads the file. Relative paths in it are made absolute from the file's folder.
 *
 * ERR_INVALID: a mistake; the text is "FILE:LINE: what is wrong and what would be right".
 * ERR_SYSTEM: the file or its folder cannot be read. ERR_NOMEM. *ret_conf is then untouched.
 *
 * libconfuse keeps its lexer in globals, so one thread at a time.
 */
enum err_code conf_load(const char *path, struct conf *ret_conf, struct err *err);

/* Frees what it owns; zeroed is fine. */
void conf_finish(struct conf *conf);

/* Every section and option with its type, default, bounds and one line of help. */
void conf_options_print(FILE *out);

#endif
