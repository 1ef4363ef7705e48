/* Auth's helpers: one process for each source of users that is more than a file. */
#include "server/parent.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A helper reads files and settings, and asks nobody, until it is ready. */
#define CHECK_MS 10000

static bool
wants_helper(const struct parent *parent, size_t index)
{
    return index < parent->conf.auth_count &&
           source_kind_row(parent->conf.auths[index].source)->helper;
}

/* PAM modules read what root alone may read, and a checkpassword program becomes the user. */
static bool
works_as_root(const struct conf_auth *auth)
{
    const char *user = auth->user.text;
    bool code = auth->source == SOURCE_PAM || auth->source == SOURCE_CHECKPASSWORD;
    return code && (user == NULL || strcmp(user, "root") == 0 || strcmp(user, "0") == 0);
}

enum err_code
sources_resolve(
    const struct conf *conf, const struct role_user *auth,
    struct role_user ret_users[CONF_SECTIONS_MAX], struct err *err)
{
    for (size_t i = 0; i < conf->auth_count; i++) {
        const struct conf_auth *source = &conf->auths[i];
        ret_users[i] = *auth;
        if (works_as_root(source))
            ret_users[i] = (struct role_user){.change = geteuid() == 0};
        else if (
            source->user.text != NULL &&
            role_user_resolve("user", &source->user, &ret_users[i], err) != ERR_OK)
            return err_prefix(err, "auth \"%s\"", source->title);
    }
    return ERR_OK;
}

static void
tell_source(const struct parent *parent, struct child *helper)
{
    const struct conf_auth *source = &parent->conf.auths[helper->number];
    for (uint32_t i = 0; i < SOURCE_OPTION_COUNT; i++) {
        struct ipc_source_option option = {.option = i};
        if (source->values[i] == NULL)
            continue;
        option.value.len = (uint16_t)strlen(source->values[i]); /* less than PATH_LEN_MAX */
        memcpy(option.value.data, source->values[i], option.value.len);
        role_tell(helper, IPC_SOURCE_OPTION, &option, sizeof option, NULL, 0);
    }
    role_tell(helper, IPC_START, NULL, 0, NULL, 0);
}

enum err_code
sources_start(struct parent *parent, bool new_auth, struct err *err)
{
    for (size_t i = 0; i < CONF_SECTIONS_MAX; i++) {
        struct child *helper = &parent->sources[i];
        bool fresh = wants_helper(parent, i) && role_is_due(helper);
        if (fresh) {
            helper->source = parent->conf.auths[i].source;
            if (role_spawn(parent, helper, err) != ERR_OK)
                return err->code;
            tell_source(parent, helper);
        }
        bool both = helper->pid > 0 && parent->auth.pid > 0;
        if (both && (fresh || new_auth) && role_connect(helper, &parent->auth, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}

bool
sources_are_ready(const struct parent *parent)
{
    bool ready = true;
    for (size_t i = 0; i < CONF_SECTIONS_MAX; i++)
        ready = ready && (!wants_helper(parent, i) || parent->sources[i].ready);
    return ready;
}

/* ---- restanted --check ---- */

/* It is ready when it has greeted auth, which nobody plays here; or has ended. */
static bool
becomes_ready(struct child *helper)
{
    struct ipc_packet packet;
    struct pollfd says = {.fd = helper->control, .events = POLLIN};
    bool ready = poll(&says, 1, CHECK_MS) > 0 &&
                 ipc_receive(helper->control, IPC_SOURCE, IPC_PARENT, &packet) == IPC_OK;
    if (ready)
        ipc_packet_finish(&packet);
    return ready;
}

static enum err_code
check_one(struct parent *parent, struct child *helper, struct err *err)
{
    int pair[2];
    struct ipc_channel_info auth = {.role = IPC_AUTH};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_SYSTEM, "cannot make a channel");
    enum err_code code = role_spawn(parent, helper, err);
    if (code == ERR_OK) {
        role_tell(helper, IPC_CHANNEL, &auth, sizeof auth, &pair[1], 1);
        tell_source(parent, helper);
        if (!becomes_ready(helper))
            code = err_set(
                err, ERR_INVALID, "auth \"%s\" cannot be used",
                parent->conf.auths[helper->number].title);
        (void)close(helper->control); /* this ends it */
        (void)waitpid(helper->pid, NULL, 0);
    }
    (void)close(pair[0]); /* nobody else has them now */
    (void)close(pair[1]);
    return code;
}

enum err_code
sources_check(struct parent *parent, struct err *err)
{
    struct role_user auth;
    if (role_user_resolve("user-auth", &parent->conf.user_auth, &auth, err) != ERR_OK ||
        sources_resolve(&parent->conf, &auth, parent->source_users, err) != ERR_OK)
        return err->code;
    for (uint32_t i = 0; i < parent->conf.auth_count; i++) {
        struct child helper = {
            .role = IPC_SOURCE,
            .source = parent->conf.auths[i].source,
            .number = i,
            .control = -1,
        };
        if (wants_helper(parent, i) && check_one(parent, &helper, err) != ERR_OK)
            return err->code;
    }
    return ERR_OK;
}
