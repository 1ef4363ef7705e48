/* Which of the logins that both ends have is used. A table, and no attempts: one login a
 * session, and never a weaker one because a better one was refused (R5802-12). */
#ifndef FETCH_LOGIN_CHOICE_H
#define FETCH_LOGIN_CHOICE_H

#include "base/mechanism.h"

enum login_way {
    LOGIN_AUTO,     /* the best one */
    LOGIN_PASSWORD, /* USER and PASS */
    LOGIN_NAMED,    /* this mechanism or none */
};

/* What the user wants. */
struct login_wish {
    enum login_way way;
    enum mechanism mechanism; /* NAMED */
};

/* What there is. */
struct login_terms {
    struct login_wish wish;
    bool has_token;      /* the secret is an access token, else a password */
    bool secure;         /* inside TLS, with the right server; else plain text was asked for */
    bool can_bind;       /* TLS has what binds a login to it (R5802-8) */
    bool user;           /* CAPA says USER */
    uint32_t mechanisms; /* those that CAPA lists: bits by enum mechanism */
};

struct login_choice {
    bool found;               /* else there is no way to log in */
    bool sasl;                /* with `mechanism`; else USER and PASS */
    enum mechanism mechanism; /* also if it was not found: the one that is missing, if any */
    bool binds;               /* the exchange is told what binds it: with -PLUS to be bound, and
                                 without because the server lists no -PLUS (R5802-7) */
};

/*
 * SCRAM first, and bound to TLS if both can: it shows the password to nobody, and shows us that
 * the server knows it. Then, inside TLS, the mechanisms that say it, USER and PASS, and
 * CRAM-MD5 only where there is nothing else: it makes the server keep passwords readable, and
 * shows nothing of the server. On a plain line CRAM-MD5 comes before those, for there it says
 * less.
 */
struct login_choice login_choose(const struct login_terms *terms);

#endif
