/*
 * The configuration: what is accepted is whole and in bounds, and reads the same with CRLF line
 * ends; a mistake is told with a line that exists, and moves with its text.
 */
#include "conf/conf.h"

#include "base/limits.h"
#include "fuzz.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file in memory that is found by its name, made once. */
static int
file_open(char *path, size_t cap)
{
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("conf", MFD_CLOEXEC);
    CHECK(fd >= 0);
    CHECK((size_t)snprintf(path, cap, "/proc/self/fd/%d", fd) < cap);
    return fd;
}

static enum err_code
load(struct pop_view text, struct conf *conf, struct err *err)
{
    char path[64];
    int fd = file_open(path, sizeof path);
    CHECK(ftruncate(fd, 0) == 0);
    CHECK(pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len);
    *conf = (struct conf){.fronts = 7777};
    *err = (struct err){0};
    return conf_load(path, conf, err);
}

/* It has what its kind needs, and nothing that is not for it. */
static void
check_source(const struct conf_auth *auth)
{
    const struct source_kind_row *row = source_kind_row(auth->source);
    CHECK(strncmp(auth->title, row->name, strlen(row->name)) == 0);
    for (unsigned i = 0; i < SOURCE_OPTION_COUNT; i++) {
        const char *value = auth->values[i];
        CHECK(value == NULL || (row->options & SOURCE_OPTION_BIT(i)) != 0);
        CHECK(value != NULL || (row->needed & SOURCE_OPTION_BIT(i)) == 0);
        CHECK(value == NULL || (value[0] != '\0' && strlen(value) < PATH_LEN_MAX));
    }
    const char *file = auth->values[SOURCE_FILE];
    CHECK(file == NULL || file[0] == '/');
}

static void
check_conf(const struct conf *conf)
{
    CHECK(conf->hostname != NULL && strlen(conf->hostname) - 1 < 255);
    CHECK(conf->listener_count >= 1 && conf->listener_count <= CONF_SECTIONS_MAX);
    for (size_t i = 0; i < conf->listener_count; i++)
        CHECK(conf->listeners[i].name[0] != '\0' && conf->listeners[i].address.len > 0);
    CHECK(conf->auth_count >= 1 && conf->auth_count <= CONF_SECTIONS_MAX);
    for (size_t i = 0; i < conf->auth_count; i++)
        check_source(&conf->auths[i]);
    CHECK(conf->store.engine != NULL && conf->store.path != NULL);
    CHECK(strlen(conf->store.path) < PATH_LEN_MAX);
    CHECK(conf->user_front.text != NULL && conf->user_auth.text != NULL);
    CHECK(conf->user_store.text != NULL && conf->warning_count <= CONF_WARNINGS_MAX);
}

/* "PATH:LINE: text"; returns the line and *ret_text. */
static long
split_mistake(const struct err *err, const char **ret_text)
{
    char path[64];
    (void)file_open(path, sizeof path);
    size_t len = strlen(path);
    CHECK(strncmp(err->text, path, len) == 0 && err->text[len] == ':');
    char *end;
    long line = strtol(err->text + len + 1, &end, 10);
    CHECK(end > err->text + len + 1 && strncmp(end, ": ", 2) == 0);
    for (const char *c = end; *c != '\0'; c++)
        CHECK((unsigned char)*c >= 0x20 || *c == '\t');
    *ret_text = end + 2;
    return line;
}

/* Up to where another line is named, and short of where a long text is cut. */
static size_t
comparable(const char *text)
{
    const char *other = strstr(text, " on line ");
    size_t len = other != NULL ? (size_t)(other - text) : strlen(text);
    return len < ERR_TEXT_MAX - 128 ? len : ERR_TEXT_MAX - 128;
}

static long
count_lines(struct pop_view text)
{
    long lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

/* One more line before it: the same mistake one line further down. */
static void
check_mistake_moves(struct pop_view text, const struct err *err)
{
    const char *what;
    long line = split_mistake(err, &what);
    CHECK(line >= 1 && line <= count_lines(text));

    struct fuzz_text moved = {0};
    struct conf conf;
    struct err second;
    const char *what_second;
    fuzz_text_add(&moved, POP_VIEW("\n"));
    fuzz_text_add(&moved, text);
    CHECK(load(fuzz_text_view(&moved), &conf, &second) == ERR_INVALID);
    CHECK(split_mistake(&second, &what_second) == line + 1);
    CHECK(comparable(what) == comparable(what_second));
    CHECK(memcmp(what, what_second, comparable(what)) == 0);
    free(moved.data);
}

/* A mistake after a good text is told with its own line, whatever comments came before. */
static void
check_mistake_after(struct pop_view text)
{
    struct fuzz_text longer = {0};
    struct conf conf;
    struct err err;
    const char *what;
    fuzz_text_add(&longer, text);
    fuzz_text_add(&longer, POP_VIEW("\nzzz = 1"));
    CHECK(load(fuzz_text_view(&longer), &conf, &err) == ERR_INVALID);
    CHECK(split_mistake(&err, &what) == count_lines(text) + 1);
    CHECK(strstr(what, "'zzz'") != NULL);
    free(longer.data);
}

static bool
text_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
check_same_with_crlf(struct pop_view text, const struct conf *conf)
{
    struct fuzz_text crlf = {0};
    struct conf second;
    struct err err;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r'))
            fuzz_text_add(&crlf, POP_VIEW("\r"));
        fuzz_text_add(&crlf, (struct pop_view){text.data + i, 1});
    }
    CHECK(load(fuzz_text_view(&crlf), &second, &err) == ERR_OK);
    CHECK(text_same(conf->hostname, second.hostname));
    CHECK(text_same(conf->store.engine, second.store.engine));
    CHECK(text_same(conf->store.path, second.store.path));
    CHECK(conf->listener_count == second.listener_count);
    CHECK(conf->auth_count == second.auth_count && conf->fronts == second.fronts);
    for (size_t i = 0; i < conf->auth_count; i++)
        for (size_t j = 0; j < SOURCE_OPTION_COUNT; j++)
            CHECK(text_same(conf->auths[i].values[j], second.auths[i].values[j]));
    CHECK(memcmp(&conf->limits, &second.limits, sizeof conf->limits) == 0);
    CHECK(conf->plaintext_login == second.plaintext_login);
    CHECK(conf->unknown_user == second.unknown_user);
    CHECK(conf->warning_count == second.warning_count);
    conf_finish(&second);
    free(crlf.data);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view text = fuzz_view(data, size);
    struct conf conf;
    struct err err;
    enum err_code code = load(text, &conf, &err);
    if (code == ERR_OK) {
        check_conf(&conf);
        check_same_with_crlf(text, &conf);
        check_mistake_after(text);
        conf_finish(&conf);
    } else {
        CHECK(code == ERR_INVALID && conf.fronts == 7777 && conf.listeners == NULL);
        check_mistake_moves(text, &err);
    }
    return 0;
}
