/*
 * A directory as a source of users, in one of three ways: it is searched for
 * the entry, whose password it then judges (check = "bind") or shows
 * ("compare"); or the user's name makes the DN, and only the password is judged.
 *
 * An empty password never leaves this file: a directory says yes to it.
 */
#include "auth/source_ldap.h"

#include "auth/password.h"
#include "auth/small_file.h"
#include "auth/source.h"
#include "auth/url_host.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <stdlib.h>
#include <strings.h>

#define FILTER_DEFAULT "(&(objectClass=posixAccount)(uid=%u))"

/* userPassword is asked for only where it is compared with. */
static const char *const attributes[DIRECTORY_ATTRIBUTES_MAX] = {
    "uidNumber", "gidNumber", "homeDirectory", "userPassword"};
static const char *const facts[DIRECTORY_ATTRIBUTES_MAX] = {
    "uidNumber", "gidNumber", "homeDirectory"};

struct source {
    struct directory_place place;
    const char *base; /* NULL: nothing is searched; bind_dn is the user's own */
    const char *filter;
    const char *bind_dn; /* NULL: nobody, who searches */
    const char *password_file;
    bool compares;
    struct directory searcher;
    struct directory judge; /* binds as one user after the other */
};

/* ---- settings ---- */

static const char *
value_of(const struct source_settings *settings, enum source_option option)
{
    return settings->values[option];
}

static enum err_code
refuse_option(enum source_option option, const char *why, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: %s", source_option_name(option), why);
}

/* Without a base: what belongs to searching has no place. */
static enum err_code
check_personal(const struct source *source, struct err *err)
{
    if (source->bind_dn == NULL || !template_is_personal(source->bind_dn))
        return refuse_option(SOURCE_BASE, "it is needed, or a bind-dn with %u", err);
    const char *problem = template_problem(source->bind_dn);
    if (problem != NULL)
        return refuse_option(SOURCE_BIND_DN, problem, err);
    if (source->filter != NULL)
        return refuse_option(SOURCE_FILTER, "it is of no use without a base", err);
    if (source->password_file != NULL)
        return refuse_option(
            SOURCE_PASSWORD_FILE, "it is of no use where users bind themselves", err);
    if (source->compares)
        return refuse_option(SOURCE_CHECK, "\"compare\" needs a base to search", err);
    return ERR_OK;
}

static enum err_code
check_searching(const struct source *source, struct err *err)
{
    CLEANUP(small_file_finish) struct pop_buffer password = {0};
    const char *problem =
        source->filter != NULL ? template_filter_problem(source->filter) : NULL;
    if (problem != NULL)
        return refuse_option(SOURCE_FILTER, problem, err);
    if (source->bind_dn != NULL && template_is_personal(source->bind_dn))
        return refuse_option(
            SOURCE_BIND_DN, "with a base it is the searcher's, without %", err);
    if (source->bind_dn != NULL && source->password_file == NULL)
        return refuse_option(SOURCE_PASSWORD_FILE, "it is needed with a bind-dn", err);
    if (source->bind_dn == NULL && source->password_file != NULL)
        return refuse_option(SOURCE_BIND_DN, "it is needed with a password-file", err);
    if (source->password_file != NULL &&
        small_file_read_line(source->password_file, &password, err) != ERR_OK)
        return err_prefix(err, "%s", source_option_name(SOURCE_PASSWORD_FILE));
    return ERR_OK;
}

static enum err_code
check_place(const struct directory_place *place, struct err *err)
{
    if (place->url == NULL)
        return refuse_option(SOURCE_URL, "it is needed", err);
    bool at_once = strstr(place->url, "ldaps://") != NULL;
    if (place->start_tls && at_once)
        return refuse_option(SOURCE_START_TLS, "with ldaps:// TLS is there already", err);
    if (place->ca != NULL && !place->start_tls && !at_once)
        return refuse_option(SOURCE_CA, "there is no TLS without ldaps:// or start-tls", err);
    if (place->ca != NULL && access(place->ca, R_OK) < 0)
        return err_set(err, ERR_SYSTEM, "ca: cannot read '%s'", place->ca);
    return directory_check(place, err);
}

/* No password goes to another machine in the clear, unless start-tls = "no" says so. */
static bool
wants_tls(const char *url)
{
    return url != NULL && strncasecmp(url, "ldap://", 7) == 0 && !url_is_local(url);
}

static enum err_code
read_settings(struct source *source, const struct source_settings *settings, struct err *err)
{
    const char *start_tls = value_of(settings, SOURCE_START_TLS);
    const char *check = value_of(settings, SOURCE_CHECK);
    bool binds = check == NULL || strcmp(check, "bind") == 0;
    const char *url = value_of(settings, SOURCE_URL);
    bool starts = start_tls != NULL ? strcmp(start_tls, "yes") == 0 : wants_tls(url);
    if (!binds && strcmp(check, "compare") != 0)
        return refuse_option(SOURCE_CHECK, "it is \"bind\" or \"compare\"", err);
    if (start_tls != NULL && !starts && strcmp(start_tls, "no") != 0)
        return refuse_option(SOURCE_START_TLS, "it is \"yes\" or \"no\"", err);
    source->place = (struct directory_place){
        .url = url,
        .ca = value_of(settings, SOURCE_CA),
        .start_tls = starts,
    };
    source->base = value_of(settings, SOURCE_BASE);
    source->filter = value_of(settings, SOURCE_FILTER);
    source->bind_dn = value_of(settings, SOURCE_BIND_DN);
    source->password_file = value_of(settings, SOURCE_PASSWORD_FILE);
    source->compares = !binds;
    enum err_code code =
        source->base == NULL ? check_personal(source, err) : check_searching(source, err);
    if (source->filter == NULL)
        source->filter = FILTER_DEFAULT;
    return code == ERR_OK ? check_place(&source->place, err) : code;
}

static void
source_close(struct source *source)
{
    if (source == NULL)
        return;
    directory_close(&source->searcher);
    directory_close(&source->judge);
    free(source);
}

static enum err_code
source_open(struct source **ret_source, const struct source_settings *settings, struct err *err)
{
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, ERR_NOMEM, "opening a source of users");
    source->searcher.place = &source->place;
    source->judge.place = &source->place;
    if (read_settings(source, settings, err) != ERR_OK) {
        source_close(source);
        return err->code;
    }
    *ret_source = source;
    return ERR_OK;
}

/* ---- what an entry says ---- */

static struct pop_view
view_of(const struct berval *value)
{
    return (struct pop_view){value->bv_val, value->bv_len};
}

/* The first value, or nothing; valid while *ret_values is, the caller's to free. */
static struct pop_view
first_value(LDAP *ldap, LDAPMessage *entry, const char *name, struct berval ***ret_values)
{
    *ret_values = ldap_get_values_len(ldap, entry, name);
    return *ret_values != NULL && (*ret_values)[0] != NULL ? view_of((*ret_values)[0])
                                                           : (struct pop_view){"", 0};
}

static enum err_code
read_facts(LDAP *ldap, LDAPMessage *entry, struct auth_user *user, struct err *err)
{
    struct berval **values[3];
    struct pop_view uid = first_value(ldap, entry, facts[0], &values[0]);
    struct pop_view gid = first_value(ldap, entry, facts[1], &values[1]);
    struct pop_view home = first_value(ldap, entry, facts[2], &values[2]);
    enum err_code code = auth_user_set_ids(user, uid, gid, err);
    if (code == ERR_OK)
        code = auth_user_set_home(user, home, err);
    for (size_t i = 0; i < 3; i++)
        ldap_value_free_len(values[i]);
    return code;
}

/*
 * RFC 4519, section 2.41: a value without a {SCHEME} is the password itself.
 * What looks like a hash or as if it were locked is not taken for one: whoever
 * may read a hash must not log in with it. ERR_NOT_FOUND: it cannot be used.
 */
static enum err_code
add_value(struct auth_user *user, struct pop_view value, struct err *err)
{
    static const struct pop_view plain = POP_VIEW("{PLAIN}");
    char text[HASH_TEXT_MAX + 1];
    struct pop_buffer stored = {.data = text, .cap = sizeof text};
    struct password password;
    struct pop_view none = {"", 0};
    if (value.len == 0 || value.data[0] == '$' || value.len + plain.len > sizeof text)
        return ERR_NOT_FOUND;
    if (memchr("{*!", value.data[0], 3) == NULL)
        pop_buffer_put(&stored, plain);
    pop_buffer_put(&stored, value);
    enum err_code code = ERR_NOT_FOUND;
    if (stored.len <= HASH_TEXT_MAX &&
        password_parse(pop_buffer_view(&stored), &password, NULL) == ERR_OK)
        code = auth_user_add_password(user, pop_buffer_view(&stored), none, err);
    explicit_bzero(text, sizeof text);
    return code;
}

static enum err_code
read_passwords(LDAP *ldap, LDAPMessage *entry, struct auth_user *user, struct err *err)
{
    struct berval **values = ldap_get_values_len(ldap, entry, "userPassword");
    enum err_code code = ERR_NOT_FOUND;
    uint32_t count = 0;
    for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
        code = add_value(user, view_of(values[i]), err);
        count += code == ERR_OK;
        if (code != ERR_OK && code != ERR_NOT_FOUND)
            break;
    }
    bool any = values != NULL;
    ldap_value_free_len(values);
    if (code != ERR_OK && code != ERR_NOT_FOUND) { /* too many: this user's fault */
        err->code = ERR_INVALID;
        return ERR_INVALID;
    }
    if (count > 0)
        return ERR_OK;
    return err_set(
        err, ERR_INVALID,
        any ? "no userPassword of the entry is of a scheme that is known here"
            : "no userPassword of the entry can be read");
}

/* ---- asking ---- */

static bool
is_away(enum err_code code)
{
    return code != ERR_OK && code != ERR_DENIED && code != ERR_NOT_FOUND && code != ERR_INVALID;
}

static enum err_code
bind_searcher(struct source *source, struct err *err)
{
    CLEANUP(small_file_finish) struct pop_buffer password = {0};
    if (source->bind_dn == NULL)
        return ERR_OK;
    enum err_code code = small_file_read_line(source->password_file, &password, err);
    if (code == ERR_OK)
        code =
            directory_bind(&source->searcher, source->bind_dn, pop_buffer_view(&password), err);
    /* What is said of the searcher is not said of the user. */
    if (code != ERR_OK && !is_away(code))
        code = err->code = ERR_CHANGED;
    return code != ERR_OK ? err_prefix(err, "bind-dn") : ERR_OK;
}

static enum err_code
search_once(
    struct source *source, const char *filter, LDAPMessage **ret_result, struct err *err)
{
    struct directory *searcher = &source->searcher;
    if (searcher->ldap == NULL &&
        (directory_connect(searcher, err) != ERR_OK || bind_searcher(source, err) != ERR_OK))
        return err->code;
    return directory_search(
        searcher, source->base, LDAP_SCOPE_SUBTREE, filter,
        source->compares ? attributes : facts, ret_result, err);
}

/* The entry of the user; *ret_result is the caller's. A connection that was kept may have been
 * closed since, which is no reason to refuse. */
static enum err_code
search(
    struct source *source, const struct auth_user *user, int64_t due_ms,
    LDAPMessage **ret_result, struct err *err)
{
    CLEANUP(free_p) char *filter = NULL;
    if (template_fill(source->filter, pop_view_of(user->name), &filter, err) != ERR_OK)
        return err->code;
    source->searcher.due_ms = due_ms;
    bool kept = source->searcher.ldap != NULL;
    enum err_code code = search_once(source, filter, ret_result, err);
    if (kept && code == ERR_CLOSED) {
        directory_close(&source->searcher);
        code = search_once(source, filter, ret_result, err);
    }
    if (is_away(code))
        directory_close(&source->searcher);
    return code;
}

static enum err_code
bind_once(struct source *source, const char *dn, const struct secret *secret, struct err *err)
{
    struct directory *judge = &source->judge;
    if (judge->ldap == NULL && directory_connect(judge, err) != ERR_OK)
        return err->code;
    return directory_bind(judge, dn, (struct pop_view){secret->data, secret->len}, err);
}

static enum err_code
judge(
    struct source *source, const char *dn, const struct secret *secret, int64_t due_ms,
    struct err *err)
{
    source->judge.due_ms = due_ms;
    bool kept = source->judge.ldap != NULL;
    enum err_code code = bind_once(source, dn, secret, err);
    if (kept && code == ERR_CLOSED) {
        directory_close(&source->judge);
        code = bind_once(source, dn, secret, err);
    }
    if (is_away(code))
        directory_close(&source->judge);
    return code;
}

/* The user may read its own entry, or not: what it says is useful, but not what decides. */
static enum err_code
read_own_entry(struct source *source, const char *dn, struct auth_user *user, struct err *err)
{
    LDAPMessage *result = NULL;
    struct err unused;
    enum err_code code = directory_search(
        &source->judge, dn, LDAP_SCOPE_BASE, "(objectClass=*)", facts, &result, &unused);
    if (code == ERR_CLOSED || code == ERR_BUSY) {
        directory_close(&source->judge);
        *err = unused;
        return code;
    }
    if (code == ERR_OK)
        code = read_facts(
            source->judge.ldap, ldap_first_entry(source->judge.ldap, result), user, err);
    else
        code = ERR_OK;
    (void)ldap_msgfree(result);
    return code;
}

static enum err_code
verify_personal(
    struct source *source, const struct secret *secret, struct auth_user *user, int64_t due_ms,
    struct err *err)
{
    CLEANUP(free_p) char *dn = NULL;
    if (template_fill(source->bind_dn, pop_view_of(user->name), &dn, err) != ERR_OK ||
        judge(source, dn, secret, due_ms, err) != ERR_OK)
        return err->code;
    return read_own_entry(source, dn, user, err);
}

static enum err_code
verify_found(
    struct source *source, const struct secret *secret, struct auth_user *user, int64_t due_ms,
    struct err *err)
{
    LDAPMessage *result = NULL;
    if (search(source, user, due_ms, &result, err) != ERR_OK)
        return err->code;
    LDAP *ldap = source->searcher.ldap;
    LDAPMessage *entry = ldap_first_entry(ldap, result);
    char *dn = ldap_get_dn(ldap, entry);
    enum err_code code = ERR_OK;
    if (dn == NULL)
        code = err_set(err, ERR_NOMEM, "reading an entry");
    else if (dn[0] == '\0') /* a bind as nobody, whatever the password */
        code = err_set(err, ERR_INVALID, "the entry found has no name");
    if (code == ERR_OK)
        code = judge(source, dn, secret, due_ms, err);
    if (code == ERR_NOT_FOUND) /* it has gone since */
        code = err->code = ERR_DENIED;
    if (code == ERR_OK)
        code = read_facts(ldap, entry, user, err);
    ldap_memfree(dn);
    (void)ldap_msgfree(result);
    return code;
}

/* ---- the interface ---- */

static int64_t
due(void)
{
    return clock_ms() + 1000 * SOURCE_SECONDS_MAX;
}

static enum err_code
source_verify(
    struct source *source, const struct secret *secret, const struct network_address *from,
    struct auth_user *user, struct err *err)
{
    (void)from;
    if (secret->len == 0)
        return err_set(err, ERR_DENIED, "an empty password");
    return source->base == NULL ? verify_personal(source, secret, user, due(), err)
                                : verify_found(source, secret, user, due(), err);
}

static enum err_code
source_look_up(struct source *source, struct auth_user *user, struct err *err)
{
    LDAPMessage *result = NULL;
    if (search(source, user, due(), &result, err) != ERR_OK)
        return err->code;
    LDAP *ldap = source->searcher.ldap;
    LDAPMessage *entry = ldap_first_entry(ldap, result);
    enum err_code code = read_facts(ldap, entry, user, err);
    if (code == ERR_OK)
        code = read_passwords(ldap, entry, user, err);
    (void)ldap_msgfree(result);
    return code;
}

static bool
source_verifies(const struct source *source)
{
    return !source->compares;
}

const struct source_ops source_ldap = {
    .kind = SOURCE_LDAP,
    .open = source_open,
    .look_up = source_look_up,
    .verify = source_verify,
    .verifies = source_verifies,
    .close = source_close,
};
