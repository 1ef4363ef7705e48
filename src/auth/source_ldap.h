/*
 * The parts of the LDAP source: templates into which a user's name goes, and
 * connections on which nothing waits longer than it may.
 *
 * Files: source_ldap.c (settings, entries), source_ldap_filter.c (templates),
 * source_ldap_directory.c (connections).
 */
#ifndef AUTH_SOURCE_LDAP_H
#define AUTH_SOURCE_LDAP_H

#include "base/err.h"

#include <ldap.h>
#include <pop/view.h>
#include <stdint.h>

/* ---- templates: filters, and names of entries (DN) ---- */

/* NULL: fine. Else what is wrong, a constant that follows the option's name. */
const char *template_problem(const char *text);
/* The same, for a filter. */
const char *template_filter_problem(const char *text);

/* It has %u or %n: what it becomes depends on who it is for. */
bool template_is_personal(const char *text);

/*
 * Fills in %u (the name), %n (local part), %d (domain), %% (a percent sign).
 * Whatever is in the name stays one value, in a filter (RFC 4515) and in a DN
 * (RFC 4514): all octets but letters, digits and a few that mean nothing are
 * \XX, which both read the same way.
 *
 * ERR_NOT_FOUND: the name has not that part. *ret_text is the caller's.
 */
enum err_code
template_fill(const char *text, struct pop_view name, char **ret_text, struct err *err);

/* ---- connections ---- */

struct directory_place {
    const char *url;
    const char *ca; /* NULL: the system's authorities */
    bool start_tls;
};

struct directory {
    const struct directory_place *place;
    LDAP *ldap;                   /* NULL: not connected */
    int64_t due_ms;               /* all that is under way ends then */
    struct ldap_conncb callbacks; /* libldap's to call while there is `ldap` */
};

/* ERR_INVALID: the place cannot be used; names the option. Connects to nothing. Comes before
 * all else here, and before there are threads. */
enum err_code directory_check(const struct directory_place *place, struct err *err);

/*
 * What the following return beside ERR_OK: ERR_CLOSED: the connection is lost
 * (or there is none to be had). ERR_BUSY: the deadline passed. ERR_PROTOCOL: the
 * directory refuses. After ERR_CLOSED and ERR_BUSY the caller closes.
 */

/* Makes what is needed to speak, and starts TLS. The directory stays where it is until close.
 */
enum err_code directory_connect(struct directory *directory, struct err *err);

/* A simple bind. ERR_DENIED: the password is wrong, or the entry may not bind. ERR_NOT_FOUND:
 * there is no such entry. The password must not be empty: that would succeed for everybody
 * (RFC 4513, section 5.1.2). */
enum err_code directory_bind(
    struct directory *directory, const char *dn, struct pop_view password, struct err *err);

/* Of an entry; unused ones at the end are NULL. */
#define DIRECTORY_ATTRIBUTES_MAX 4

/* The entry that is found, in *ret_result with nothing else, the caller's to ldap_msgfree().
 * ERR_NOT_FOUND: none. ERR_INVALID: more than one. */
enum err_code directory_search(
    struct directory *directory, const char *base, int scope, const char *filter,
    const char *const attributes[DIRECTORY_ATTRIBUTES_MAX], LDAPMessage **ret_result,
    struct err *err);

void directory_close(struct directory *directory);

#endif
