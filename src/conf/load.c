/* From the parsed tree to struct conf, and the checks that concern several sections. */
#include "base/cleanup.h"
#include "conf/conf.h"
#include "conf/option.h"
#include "conf/parse.h"
#include "conf/template.h"
#include "conf/text.h"
#include "conf/value.h"

#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* RFC 1939, section 3: an inactivity timer is at least ten minutes (R1939-14). */
#define IDLE_SECONDS_LEAST 600

struct loading {
    const char *path;
    char *folder; /* absolute, with symbolic links resolved */
    int line_count;
    cfg_t *cfg;
    struct err *err;
};

static enum err_code
out_of_memory(struct loading *loading)
{
    return err_set(loading->err, ERR_NOMEM, "no memory for configuration '%s'", loading->path);
}

static void
section_finish(const char *section, void *target)
{
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, section) == 0)
            conf_value_finish(option, target);
    }
}

void
conf_finish(struct conf *conf)
{
    section_finish(CONF_ROOT, conf);
    for (size_t i = 0; i < conf->listener_count; i++) {
        free(conf->listeners[i].name);
        section_finish("listen", &conf->listeners[i]);
    }
    free(conf->listeners);
    for (size_t i = 0; i < conf->auth_count; i++) {
        free(conf->auths[i].title);
        section_finish("auth", &conf->auths[i]);
    }
    free(conf->auths);
    for (size_t i = 0; i < conf->tls_count; i++)
        section_finish("tls", &conf->tls[i]);
    free(conf->tls);
    free(conf->store.engine);
    section_finish("store", &conf->store);
    for (size_t i = 0; i < conf->warning_count; i++)
        free(conf->warnings[i]);
    *conf = (struct conf){0};
}

/* The options of one section, from the file or from their defaults. */
static enum err_code
section_fill(struct loading *loading, cfg_t *section, void *target)
{
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        if (strcmp(option->section, section->name) != 0)
            continue;
        const char *written = cfg_getstr(section, option->name);
        const char *value = written != NULL ? written : option->fallback;
        if (value == NULL)
            continue;
        enum err_code code =
            conf_value_set(option, value, loading->folder, target, loading->err);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

/* Where the title of such a section goes; sections without one have no such place. */
#define NO_TITLE SIZE_MAX

/* All sections of that name, each into a struct of `size` octets of *array. */
static enum err_code
fill_sections(
    struct loading *loading, const char *name, size_t size, size_t title_offset, void **array,
    size_t *count)
{
    size_t written = cfg_size(loading->cfg, name);
    char *next = calloc(written + 1, size); /* one more: none is no failure */
    if (next == NULL)
        return out_of_memory(loading);
    *array = next;
    for (size_t i = 0; i < written; i++, next += size) {
        cfg_t *section = cfg_getnsec(loading->cfg, name, (unsigned)i);
        (*count)++;
        if (title_offset != NO_TITLE) {
            char *title = strdup(section->title);
            if (title == NULL)
                return out_of_memory(loading);
            memcpy(next + title_offset, &title, sizeof title);
        }
        enum err_code code = section_fill(loading, section, next);
        if (code != ERR_OK)
            return code;
    }
    return ERR_OK;
}

static enum err_code
fill_arrays(struct loading *loading, struct conf *conf)
{
    void *listeners = NULL;
    void *auths = NULL;
    void *tls = NULL;
    enum err_code code = fill_sections(
        loading, "listen", sizeof(struct conf_listener), offsetof(struct conf_listener, name),
        &listeners, &conf->listener_count);
    if (code == ERR_OK)
        code = fill_sections(
            loading, "auth", sizeof(struct conf_auth), offsetof(struct conf_auth, title),
            &auths, &conf->auth_count);
    if (code == ERR_OK)
        code = fill_sections(
            loading, "tls", sizeof(struct conf_tls), NO_TITLE, &tls, &conf->tls_count);
    conf->listeners = listeners;
    conf->auths = auths;
    for (size_t i = 0; code == ERR_OK && i < conf->auth_count; i++) {
        struct conf_auth *auth = &conf->auths[i];
        auth->source = conf_source_kind(auth->title);
        auth->user.set = auth->user.text != NULL;
    }
    conf->tls = tls;
    return code;
}

static enum err_code
fill_store(struct loading *loading, struct conf *conf)
{
    cfg_t *section = cfg_getnsec(loading->cfg, "store", 0);
    conf->store.engine = strdup(section->title);
    if (conf->store.engine == NULL)
        return out_of_memory(loading);
    conf->store.owner_line = conf_parse_line(section, "owner");
    return section_fill(loading, section, &conf->store);
}

/* A machine's own name may be odd ("my_host") or none; the greeting needs one that is not. */
static enum err_code
fill_hostname(struct loading *loading, struct conf *conf)
{
    const struct conf_option *option = conf_option_find(CONF_ROOT, "hostname");
    char name[HOST_NAME_MAX + 1];
    if (conf->hostname != NULL)
        return ERR_OK;
    if (gethostname(name, sizeof name) == 0 &&
        conf_value_set(option, name, loading->folder, conf, NULL) == ERR_OK)
        return ERR_OK;
    return conf_value_set(option, "localhost", loading->folder, conf, loading->err);
}

static enum err_code
fill(struct loading *loading, struct conf *conf)
{
    cfg_t *cfg = loading->cfg;
    enum err_code code = section_fill(loading, cfg, conf);
    if (code == ERR_OK)
        code = section_fill(loading, cfg_getsec(cfg, "limits"), &conf->limits);
    if (code == ERR_OK)
        code = fill_arrays(loading, conf);
    if (code == ERR_OK)
        code = fill_store(loading, conf);
    if (code == ERR_OK)
        code = fill_hostname(loading, conf);
    conf->user_front.set = conf_parse_line(cfg, "user-front") != 0;
    conf->user_auth.set = conf_parse_line(cfg, "user-auth") != 0;
    conf->user_store.set = conf_parse_line(cfg, "user-store") != 0;
    conf->user_keys.set = conf_parse_line(cfg, "user-keys") != 0;
    return code;
}

/* What is missing altogether has no line of its own: the last line is where to add it. */
static enum err_code
check_sections(struct loading *loading)
{
    static const struct {
        const char *section;
        const char *advice;
    } needed[] = {
        {"listen", "nothing to listen on: add listen \"pop\" { address = \"127.0.0.1:110\" }"},
        {"auth", "no source of users: add auth \"passwd-file\" { file = \"users\" }"},
        {"store", "no place for mail: add store \"maildir\" { path = \"mail/%u\" }"},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        if (cfg_size(loading->cfg, needed[i].section) == 0)
            return err_set(
                loading->err, ERR_INVALID, "%s:%d: %s", loading->path, loading->line_count,
                needed[i].advice);
    }
    return ERR_OK;
}

static bool
address_equal(const struct conf_address *a, const struct conf_address *b)
{
    return a->len == b->len && memcmp(&a->socket, &b->socket, a->len) == 0;
}

static enum err_code
check_addresses(struct loading *loading, const struct conf *conf)
{
    for (size_t i = 1; i < conf->listener_count; i++) {
        for (size_t j = 0; j < i; j++) {
            const struct conf_listener *listener = &conf->listeners[i];
            if (!address_equal(&listener->address, &conf->listeners[j].address))
                continue;
            cfg_t *section = cfg_getnsec(loading->cfg, "listen", (unsigned)i);
            return err_set(
                loading->err, ERR_INVALID,
                "%s:%d: listen \"%.100s\" has the address of \"%.100s\"", loading->path,
                conf_parse_line(section, "address"), listener->name, conf->listeners[j].name);
        }
    }
    return ERR_OK;
}

/* TLS without a certificate fails every handshake. */
static enum err_code
check_transport(struct loading *loading, const struct conf *conf)
{
    for (size_t i = 0; i < conf->listener_count; i++) {
        if (conf->listeners[i].transport != CONF_TRANSPORT_TLS || conf->tls_count > 0)
            continue;
        cfg_t *section = cfg_getnsec(loading->cfg, "listen", (unsigned)i);
        return err_set(
            loading->err, ERR_INVALID,
            "%s:%d: listen \"%.100s\" speaks TLS, but there is no certificate: add "
            "tls { certificate = \"tls.crt\" key = \"tls.key\" }",
            loading->path, conf_parse_line(section, "tls"), conf->listeners[i].name);
    }
    return ERR_OK;
}

static enum err_code
warn(struct loading *loading, struct conf *conf, int line, const char *text)
{
    char *warning;
    if (asprintf(&warning, "%s:%d: %s", loading->path, line, text) < 0)
        return out_of_memory(loading);
    conf->warnings[conf->warning_count++] = warning;
    return ERR_OK;
}

static enum err_code
check_warnings(struct loading *loading, struct conf *conf)
{
    uint32_t idle = conf->limits.idle_seconds;
    if (idle > 0 && idle < IDLE_SECONDS_LEAST) {
        cfg_t *limits = cfg_getsec(loading->cfg, "limits");
        enum err_code code = warn(
            loading, conf, conf_parse_line(limits, "idle-seconds"),
            "idle-seconds is less than the ten minutes that RFC 1939 wants; slow clients "
            "will lose their sessions");
        if (code != ERR_OK)
            return code;
    }
    if (!conf_template_has_user(conf->store.path)) {
        cfg_t *store = cfg_getnsec(loading->cfg, "store", 0);
        return warn(
            loading, conf, conf_parse_line(store, "path"),
            "the path has no %u, %n or %h: all users share one maildrop");
    }
    return ERR_OK;
}

static enum err_code
load_tree(struct loading *loading, struct conf *ret_conf)
{
    enum err_code code = check_sections(loading);
    if (code != ERR_OK)
        return code;
    struct conf conf = {0};
    code = fill(loading, &conf);
    if (code == ERR_OK)
        code = check_addresses(loading, &conf);
    if (code == ERR_OK)
        code = check_transport(loading, &conf);
    if (code == ERR_OK)
        code = check_warnings(loading, &conf);
    if (code != ERR_OK) {
        conf_finish(&conf);
        return code;
    }
    *ret_conf = conf;
    return ERR_OK;
}

static enum err_code
find_folder(const char *path, char **ret_folder, struct err *err)
{
    CLEANUP(free_p) char *copy = strdup(path);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for configuration '%s'", path);
    char *folder = realpath(dirname(copy), NULL);
    if (folder == NULL)
        return err_set(err, ERR_SYSTEM, "cannot find the folder of configuration '%s'", path);
    *ret_folder = folder;
    return ERR_OK;
}

enum err_code
conf_load(const char *path, struct conf *ret_conf, struct err *err)
{
    CLEANUP(conf_text_finish) struct conf_text text = {0};
    enum err_code code = conf_text_read(path, &text, err);
    if (code != ERR_OK)
        return code;

    CLEANUP(free_p) char *folder = NULL;
    code = find_folder(path, &folder, err);
    if (code != ERR_OK)
        return code;

    cfg_t *cfg;
    code = conf_parse(path, folder, &text, &cfg, err);
    if (code != ERR_OK)
        return code;
    struct loading loading = {
        .path = path, .folder = folder, .line_count = text.line_count, .cfg = cfg, .err = err};
    code = load_tree(&loading, ret_conf);
    (void)cfg_free(cfg);
    return code;
}
