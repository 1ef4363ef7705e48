/*
 * PAM: the host's own rules about who may log in. Judges passwords, and finds
 * the account. Modules may hang, crash and change the process that they are in:
 * each login has a process of its own, which is killed when its time is over.
 */
#include "auth/source.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICE_DEFAULT "restante"

/* What is known of an account, as getpwnam_r() wants it: a name, a comment, two paths. */
#define ACCOUNT_TEXT_MAX 16384u

struct source {
    const char *service;
    char *folder; /* of the service's file; NULL: the system's */
};

static enum err_code
pam_source_open(
    struct source **ret_source, const struct source_settings *settings, struct err *err)
{
    const char *service = settings->values[SOURCE_SERVICE];
    service = service != NULL ? service : SERVICE_DEFAULT;
    const char *slash = strrchr(service, '/');
    if (slash != NULL && (service[0] != '/' || slash[1] == '\0'))
        return err_set(
            err, ERR_INVALID, "service = \"%s\" is no name in /etc/pam.d and no absolute path",
            service);
    struct source *source = calloc(1, sizeof *source);
    if (source == NULL)
        return err_set(err, ERR_NOMEM, "opening PAM");
    source->service = slash != NULL ? slash + 1 : service;
    if (slash != NULL) {
        source->folder = strndup(service, slash > service ? (size_t)(slash - service) : 1);
        if (source->folder == NULL) {
            free(source);
            return err_set(err, ERR_NOMEM, "opening PAM");
        }
    }
    *ret_source = source;
    return ERR_OK;
}

static void
pam_source_close(struct source *source)
{
    if (source == NULL)
        return;
    free(source->folder);
    free(source);
}

/* ---- the conversation ---- */

struct answers {
    const char *name;
    const struct secret *secret;
};

static void
responses_free(struct pam_response *responses, int count)
{
    for (int i = 0; i < count; i++) {
        if (responses[i].resp != NULL)
            explicit_bzero(responses[i].resp, strlen(responses[i].resp));
        free(responses[i].resp);
    }
    free(responses);
}

/* What a module asks for without echo is the password, and with echo the name; what it only
 * says is heard by nobody. Both arrays are then PAM's. */
static int
converse(int count, const struct pam_message **asked, struct pam_response **ret, void *context)
{
    const struct answers *answers = context;
    if (count <= 0 || count > PAM_MAX_NUM_MSG)
        return PAM_CONV_ERR;
    struct pam_response *responses = calloc((size_t)count, sizeof *responses);
    if (responses == NULL)
        return PAM_BUF_ERR;
    for (int i = 0; i < count; i++) {
        const char *answer = NULL;
        if (asked[i]->msg_style == PAM_PROMPT_ECHO_OFF)
            answer = answers->secret->data;
        else if (asked[i]->msg_style == PAM_PROMPT_ECHO_ON)
            answer = answers->name;
        if (answer != NULL && (responses[i].resp = strdup(answer)) == NULL) {
            responses_free(responses, count);
            return PAM_BUF_ERR;
        }
    }
    *ret = responses;
    return PAM_SUCCESS;
}

/* PAM would wait after a failure; auth has its own delays, which hold up no thread. */
static void
no_delay(int result, unsigned delay_us, void *context)
{
    (void)result;
    (void)delay_us;
    (void)context;
}

/* ---- a login ---- */

static enum err_code
start(
    const struct source *source, const char *name, const struct pam_conv *conversation,
    pam_handle_t **ret_handle, struct err *err)
{
    int result =
        source->folder != NULL
            ? pam_start_confdir(source->service, name, conversation, source->folder, ret_handle)
            : pam_start(source->service, name, conversation, ret_handle);
    if (result == PAM_SUCCESS)
        return ERR_OK;
    return err_set(
        err, ERR_PROTOCOL, "cannot start the service \"%s\": %s", source->service,
        pam_strerror(NULL, result));
}

static void
describe(pam_handle_t *handle, const struct network_address *from)
{
    void (*delay)(int, unsigned, void *) = no_delay;
    char host[NETWORK_TEXT_MAX];
    network_address_text(from, host);
    (void)pam_set_item(handle, PAM_TTY, "pop3"); /* these are only told to modules */
    if (from->len > 0)
        (void)pam_set_item(handle, PAM_RHOST, host);
    (void)pam_set_item(handle, PAM_FAIL_DELAY, *(const void **)(void *)&delay);
}

/* A locked or expired account is as a wrong password. What is nobody's fault at the other end
 * is temporary. */
static enum err_code
judge(pam_handle_t *handle, const char *doing, int result, struct err *err)
{
    const char *text = pam_strerror(handle, result);
    switch (result) {
    case PAM_SUCCESS:
        return ERR_OK;
    case PAM_USER_UNKNOWN:
        return err_set(err, ERR_NOT_FOUND, "%s: %s", doing, text);
    case PAM_AUTH_ERR:
    case PAM_PERM_DENIED:
    case PAM_MAXTRIES:
    case PAM_CRED_INSUFFICIENT:
    case PAM_ACCT_EXPIRED:
    case PAM_CRED_EXPIRED:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_AUTHTOK_EXPIRED:
        return err_set(err, ERR_DENIED, "%s: %s", doing, text);
    default:
        return err_set(err, ERR_PROTOCOL, "%s: %s", doing, text);
    }
}

/* The name that PAM ends with may be another one than it began with. */
static enum err_code
find_account(pam_handle_t *handle, struct auth_user *user, struct err *err)
{
    const void *item = NULL;
    struct passwd account;
    struct passwd *found = NULL;
    char text[ACCOUNT_TEXT_MAX];
    if (pam_get_item(handle, PAM_USER, &item) != PAM_SUCCESS || item == NULL)
        return err_set(err, ERR_PROTOCOL, "PAM has forgotten the user's name");
    enum err_code code = auth_user_set_name(user, pop_view_of(item), err);
    if (code != ERR_OK)
        return code;
    int result = getpwnam_r(user->name, &account, text, sizeof text, &found);
    if (result != 0 && result != ENOENT) {
        errno = result;
        return err_set(err, ERR_SYSTEM, "cannot find the account");
    }
    if (found == NULL)
        return ERR_OK; /* a user that has no account here: no ids, no home */
    user->uid = account.pw_uid;
    user->gid = account.pw_gid;
    return auth_user_set_home(user, pop_view_of(account.pw_dir), err);
}

static enum err_code
ask_pam(
    const struct source *source, const struct secret *secret,
    const struct network_address *from, struct auth_user *user, struct err *err)
{
    struct answers answers = {.name = user->name, .secret = secret};
    struct pam_conv conversation = {.conv = converse, .appdata_ptr = &answers};
    pam_handle_t *handle = NULL;
    enum err_code code = start(source, user->name, &conversation, &handle, err);
    if (code != ERR_OK)
        return code;
    describe(handle, from);
    const int flags = PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK;
    int result = pam_authenticate(handle, flags);
    code = judge(handle, "authentication", result, err);
    if (code == ERR_OK) {
        result = pam_acct_mgmt(handle, flags);
        code = judge(handle, "account", result, err);
    }
    if (code == ERR_OK)
        code = find_account(handle, user, err);
    (void)pam_end(handle, result); /* it has had its say */
    return code;
}

/* ---- its process ---- */

/* What the process has found; it goes through a pipe, which holds more than this. */
struct reply {
    enum err_code code;
    uint32_t uid;
    uint32_t gid;
    char name[USER_NAME_MAX + 1];
    char home[PATH_LEN_MAX];
    char text[ERR_TEXT_MAX];
};

static _Noreturn void
answer(
    const struct source *source, const struct secret *secret,
    const struct network_address *from, struct auth_user *user, int fd)
{
    struct err err = {.text = ""};
    struct reply reply = {.code = ask_pam(source, secret, from, user, &err)};
    reply.uid = user->uid;
    reply.gid = user->gid;
    memcpy(reply.name, user->name, sizeof reply.name);
    memcpy(reply.home, user->home, strlen(user->home) + 1);
    memcpy(reply.text, err.text, sizeof reply.text);
    _exit(write(fd, &reply, sizeof reply) == (ssize_t)sizeof reply ? 0 : 1);
}

/* False: it has ended without a word, or its time is over. */
static bool
hear(int fd, struct reply *ret_reply, bool *ret_late)
{
    int64_t until_ms = clock_ms() + 1000 * SOURCE_SECONDS_MAX;
    size_t len = 0;
    while (len < sizeof *ret_reply) {
        struct pollfd says = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - clock_ms();
        int ready = left_ms > 0 ? poll(&says, 1, (int)left_ms) : 0;
        *ret_late = ready == 0;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t n = ready > 0 ? read(fd, (char *)ret_reply + len, sizeof *ret_reply - len) : -1;
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    return true;
}

static enum err_code
take_reply(const struct reply *reply, struct auth_user *user, struct err *err)
{
    if (reply->code != ERR_OK)
        return err_set(
            err, reply->code == ERR_SYSTEM ? ERR_PROTOCOL : reply->code, "%s", reply->text);
    memcpy(user->name, reply->name, sizeof user->name);
    memcpy(user->home, reply->home, sizeof user->home);
    user->uid = reply->uid;
    user->gid = reply->gid;
    return ERR_OK;
}

static enum err_code
pam_source_verify(
    struct source *source, const struct secret *secret, const struct network_address *from,
    struct auth_user *user, struct err *err)
{
    int ends[2];
    struct reply reply;
    bool late = false;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)setpgid(0, 0); /* with all that modules start */
        answer(source, secret, from, user, ends[1]);
    }
    (void)close(ends[1]); /* the process's */
    bool heard = pid > 0 && hear(ends[0], &reply, &late);
    (void)close(ends[0]); /* read only */
    if (pid < 0)
        return err_set(err, ERR_SYSTEM, "cannot start a process for PAM");
    if (kill(-pid, SIGKILL) < 0)
        (void)kill(pid, SIGKILL); /* it has no group yet */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (heard)
        return take_reply(&reply, user, err);
    return late ? err_set(
                      err, ERR_BUSY, "the service \"%s\" did not answer in %d s: killed",
                      source->service, SOURCE_SECONDS_MAX)
                : err_set(err, ERR_PROTOCOL, "a module of \"%s\" has crashed", source->service);
}

const struct source_ops source_pam = {
    .kind = SOURCE_PAM,
    .open = pam_source_open,
    .verify = pam_source_verify,
    .close = pam_source_close,
};
