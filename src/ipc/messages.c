/* The table of messages and the checks that every received one passes. */
#include "ipc/messages.h"

#include "base/mechanism.h"
#include "base/source_kind.h"

#include <pop/server.h>

typedef bool body_check(const void *body, size_t body_size);

static bool
text_fits(const struct ipc_text *text)
{
    return text->len <= sizeof text->data;
}

static bool
path_fits(const struct ipc_path *path)
{
    return path->len <= sizeof path->data;
}

/* 0: it is not known. */
static bool
address_fits(const struct network_address *address)
{
    return address->len == 0 || address->len == 4 || address->len == 16;
}

static bool
front_settings_fit(const void *body, size_t size)
{
    (void)size;
    const struct ipc_front_settings *settings = body;
    return text_fits(&settings->hostname) && settings->tally_row < settings->tally_rows &&
           settings->tally_small <= settings->tally_rows;
}

static bool
source_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_auth_source *source = body;
    return source->kind < SOURCE_KIND_COUNT && path_fits(&source->file);
}

static bool
option_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_source_option *option = body;
    return option->option < SOURCE_OPTION_COUNT && path_fits(&option->value);
}

static bool
ask_fits(const void *body, size_t size)
{
    const struct ipc_ask *ask = body;
    return ask->task < IPC_ASK_TASK_COUNT && address_fits(&ask->from) &&
           text_fits(&ask->user) && size == offsetof(struct ipc_ask, octets) + ask->len;
}

static bool
answer_fits(const void *body, size_t size)
{
    const struct ipc_answer *answer = body;
    bool whole = size == offsetof(struct ipc_answer, passwords) + answer->len;
    return whole && answer->result < IPC_ANSWER_RESULT_COUNT && answer->disabled <= 1 &&
           text_fits(&answer->user) && text_fits(&answer->error) && path_fits(&answer->home) &&
           (answer->len == 0 || answer->passwords[answer->len - 1] == '\0');
}

static bool
store_settings_fit(const void *body, size_t size)
{
    (void)size;
    const struct ipc_store_settings *settings = body;
    return text_fits(&settings->engine) && path_fits(&settings->location) &&
           path_fits(&settings->root) && settings->owned <= 1;
}

static bool
channel_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_channel_info *info = body;
    return info->role > IPC_PARENT && info->role < IPC_ROLE_COUNT;
}

static bool
auth_settings_fit(const void *body, size_t size)
{
    (void)size;
    const struct ipc_auth_settings *settings = body;
    return settings->failure_window_seconds > 0 && settings->owners < IPC_OWNERS_COUNT &&
           settings->owner_processes > 0;
}

static bool
need_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_need_store *need = body;
    return text_fits(&need->user) && path_fits(&need->home);
}

static bool
no_store_fits(const void *body, size_t size)
{
    (void)size;
    return ((const struct ipc_no_store *)body)->refusal < POP_REFUSAL_COUNT;
}

static bool
banned_fits(const void *body, size_t size)
{
    (void)size;
    return network_is_valid(&((const struct ipc_banned *)body)->from);
}

static bool
check_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_check *check = body;
    return address_fits(&check->from) && text_fits(&check->user);
}

static bool
login_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_login *login = body;
    return address_fits(&login->from) && text_fits(&login->user) && text_fits(&login->password);
}

static bool
apop_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_apop *apop = body;
    return address_fits(&apop->from) && text_fits(&apop->user) && text_fits(&apop->timestamp) &&
           text_fits(&apop->digest);
}

static bool
begin_fits(const void *body, size_t size)
{
    const struct ipc_sasl_begin *begin = body;
    return address_fits(&begin->from) && begin->mechanism < MECHANISM_COUNT &&
           begin->binding_len <= sizeof begin->binding && text_fits(&begin->certified) &&
           size == offsetof(struct ipc_sasl_begin, octets) + begin->len;
}

static bool
sasl_fits(const void *body, size_t size)
{
    return size == offsetof(struct ipc_sasl, octets) + ((const struct ipc_sasl *)body)->len;
}

static bool
offer_fits(const void *body, size_t size)
{
    (void)size;
    return (((const struct ipc_offer *)body)->mechanisms & ~MECHANISMS_ALL) == 0;
}

static bool
refused_fits(const void *body, size_t size)
{
    (void)size;
    return ((const struct ipc_refused *)body)->refusal < POP_REFUSAL_COUNT;
}

static bool
open_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_open *open = body;
    return text_fits(&open->user) && path_fits(&open->home);
}

/* By value the body ends with the snapshot; with a memfd nothing follows the size. */
static bool
opened_fits(const void *body, size_t size)
{
    const struct ipc_opened *opened = body;
    if (!text_fits(&opened->user))
        return false;
    size_t inline_size = size - offsetof(struct ipc_opened, snapshot);
    return inline_size == 0 || inline_size == opened->size;
}

static bool
fetch_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_fetch *fetch = body;
    return fetch->count >= 1 && fetch->count <= FETCH_BATCH_MAX;
}

static bool
fetched_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_fetched *fetched = body;
    if (fetched->count < 1 || fetched->count > FETCH_BATCH_MAX)
        return false;
    for (uint32_t i = 0; i < fetched->count; i++)
        if (fetched->status[i] >= IPC_FETCH_STATUS_COUNT)
            return false;
    return true;
}

static bool
marks_fit(const void *body, size_t size)
{
    const struct ipc_marks *marks = body;
    return marks->len >= 1 && size == offsetof(struct ipc_marks, bits) + marks->len;
}

static bool
listener_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_listener *listener = body;
    if (listener->tls > 1 || listener->proxy_count > PROXY_NETWORKS_MAX)
        return false;
    for (uint32_t i = 0; i < listener->proxy_count; i++)
        if (!network_is_valid(&listener->proxies[i]))
            return false;
    return true;
}

static bool
certificate_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_certificate *certificate = body;
    return certificate->index < certificate->count && certificate->count <= CONF_SECTIONS_MAX;
}

static bool
judged_fits(const void *body, size_t size)
{
    (void)size;
    return text_fits(&((const struct ipc_key_judged *)body)->text);
}

static bool
sign_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_sign *sign = body;
    return sign->len <= sizeof sign->input && sign->pss <= 1;
}

static bool
signed_fits(const void *body, size_t size)
{
    (void)size;
    const struct ipc_signed *made = body;
    return made->len <= sizeof made->signature;
}

#define BIT(value) (1u << (value))
#define ANY_ROLE                                                                               \
    (BIT(IPC_FRONT) | BIT(IPC_AUTH) | BIT(IPC_STORE) | BIT(IPC_KEYS) | BIT(IPC_SOURCE))

static const struct row {
    const char *name;
    unsigned from;
    unsigned to;
    unsigned states; /* of the session; 0: none is concerned */
    size_t size_min;
    size_t size_max;
    size_t fds_min;
    size_t fds_max;
    body_check *check;
} rows[IPC_TYPE_COUNT] = {
#define FIXED(type) sizeof(struct type), sizeof(struct type)
#define NO_FD       0, 0
#define ONE_FD      1, 1
    [IPC_FRONT_SETTINGS] =
        {"FRONT_SETTINGS", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, FIXED(ipc_front_settings), NO_FD,
         front_settings_fit},
    [IPC_AUTH_SETTINGS] =
        {"AUTH_SETTINGS", BIT(IPC_PARENT), BIT(IPC_AUTH), 0, FIXED(ipc_auth_settings), NO_FD,
         auth_settings_fit},
    [IPC_AUTH_SOURCE] =
        {"AUTH_SOURCE", BIT(IPC_PARENT), BIT(IPC_AUTH), 0, FIXED(ipc_auth_source), NO_FD,
         source_fits},
    [IPC_SOURCE_OPTION] =
        {"SOURCE_OPTION", BIT(IPC_PARENT), BIT(IPC_SOURCE), 0, FIXED(ipc_source_option), NO_FD,
         option_fits},
    [IPC_STORE_SETTINGS] =
        {"STORE_SETTINGS", BIT(IPC_PARENT), BIT(IPC_STORE), 0, FIXED(ipc_store_settings), NO_FD,
         store_settings_fit},
    [IPC_LISTENER] =
        {"LISTENER", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, FIXED(ipc_listener), ONE_FD,
         listener_fits},
    [IPC_CLIENT_CA] = {"CLIENT_CA", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, 0, 0, ONE_FD, NULL},
    [IPC_CERTIFICATE] =
        {"CERTIFICATE", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, FIXED(ipc_certificate), ONE_FD,
         certificate_fits},
    [IPC_TICKETS] =
        {"TICKETS", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, FIXED(ipc_tickets), NO_FD, NULL},
    [IPC_KEY] = {"KEY", BIT(IPC_PARENT), BIT(IPC_KEYS), 0, FIXED(ipc_key), 2, 2, NULL},
    [IPC_TALLY] = {"TALLY", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, 0, 0, ONE_FD, NULL},
    [IPC_CHANNEL] =
        {"CHANNEL", BIT(IPC_PARENT), ANY_ROLE, 0, FIXED(ipc_channel_info), ONE_FD,
         channel_fits},
    [IPC_START] = {"START", BIT(IPC_PARENT), ANY_ROLE, 0, 0, 0, NO_FD, NULL},
    [IPC_NO_STORE] =
        {"NO_STORE", BIT(IPC_PARENT), BIT(IPC_AUTH), 0, FIXED(ipc_no_store), NO_FD,
         no_store_fits},
    [IPC_FORGET_STORE] =
        {"FORGET_STORE", BIT(IPC_PARENT), BIT(IPC_AUTH), 0, FIXED(ipc_store_number), NO_FD,
         NULL},
    [IPC_DRAIN] = {"DRAIN", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, 0, 0, NO_FD, NULL},
    [IPC_READY] = {"READY", ANY_ROLE, BIT(IPC_PARENT), 0, 0, 0, NO_FD, NULL},
    [IPC_GIVE_WAY] = {"GIVE_WAY", BIT(IPC_PARENT), BIT(IPC_FRONT), 0, 0, 0, NO_FD, NULL},
    [IPC_TAKEN] = {"TAKEN", BIT(IPC_FRONT), BIT(IPC_PARENT), 0, FIXED(ipc_taken), NO_FD, NULL},
    [IPC_KEY_JUDGED] =
        {"KEY_JUDGED", BIT(IPC_KEYS), BIT(IPC_PARENT), 0, FIXED(ipc_key_judged), NO_FD,
         judged_fits},
    [IPC_BANNED] =
        {"BANNED", BIT(IPC_AUTH), BIT(IPC_PARENT), 0, FIXED(ipc_banned), NO_FD, banned_fits},
    [IPC_NEED_STORE] =
        {"NEED_STORE", BIT(IPC_AUTH), BIT(IPC_PARENT), 0, FIXED(ipc_need_store), NO_FD,
         need_fits},
    [IPC_IDLE] = {"IDLE", BIT(IPC_STORE), BIT(IPC_PARENT), 0, 0, 0, NO_FD, NULL},
    [IPC_SIGN] =
        {"SIGN", BIT(IPC_FRONT), BIT(IPC_KEYS), BIT(IPC_STATE_NONE), FIXED(ipc_sign), NO_FD,
         sign_fits},
    [IPC_SIGNED] =
        {"SIGNED", BIT(IPC_KEYS), BIT(IPC_FRONT), 0, FIXED(ipc_signed), NO_FD, signed_fits},
    [IPC_CHECK] =
        {"CHECK", BIT(IPC_FRONT), BIT(IPC_AUTH), BIT(IPC_STATE_NONE), FIXED(ipc_check), NO_FD,
         check_fits},
    [IPC_LOGIN] =
        {"LOGIN", BIT(IPC_FRONT), BIT(IPC_AUTH), BIT(IPC_STATE_NONE), FIXED(ipc_login), NO_FD,
         login_fits},
    [IPC_APOP] =
        {"APOP", BIT(IPC_FRONT), BIT(IPC_AUTH), BIT(IPC_STATE_NONE), FIXED(ipc_apop), NO_FD,
         apop_fits},
    [IPC_SASL_BEGIN] =
        {"SASL_BEGIN", BIT(IPC_FRONT), BIT(IPC_AUTH), BIT(IPC_STATE_NONE),
         offsetof(struct ipc_sasl_begin, octets), sizeof(struct ipc_sasl_begin), NO_FD,
         begin_fits},
    [IPC_SASL_RESPONSE] =
        {"SASL_RESPONSE", BIT(IPC_FRONT), BIT(IPC_AUTH), BIT(IPC_STATE_EXCHANGE),
         offsetof(struct ipc_sasl, octets), sizeof(struct ipc_sasl), NO_FD, sasl_fits},
    [IPC_SASL_CANCEL] =
        {"SASL_CANCEL", BIT(IPC_FRONT), BIT(IPC_AUTH),
         BIT(IPC_STATE_NONE) | BIT(IPC_STATE_EXCHANGE), 0, 0, NO_FD, NULL},
    [IPC_OFFER] =
        {"OFFER", BIT(IPC_AUTH), BIT(IPC_FRONT), 0, FIXED(ipc_offer), NO_FD, offer_fits},
    [IPC_SASL_CHALLENGE] =
        {"SASL_CHALLENGE", BIT(IPC_AUTH), BIT(IPC_FRONT), 0, offsetof(struct ipc_sasl, octets),
         sizeof(struct ipc_sasl), NO_FD, sasl_fits},
    [IPC_CHECKED] =
        {"CHECKED", BIT(IPC_AUTH), BIT(IPC_FRONT), 0, FIXED(ipc_checked), NO_FD, NULL},
    [IPC_OPENING] =
        {"OPENING", BIT(IPC_AUTH), BIT(IPC_FRONT), 0, FIXED(ipc_store_number), NO_FD, NULL},
    [IPC_LOGIN_REFUSED] =
        {"LOGIN_REFUSED", BIT(IPC_AUTH), BIT(IPC_FRONT), 0, FIXED(ipc_refused), NO_FD,
         refused_fits},
    [IPC_ASK] =
        {"ASK", BIT(IPC_AUTH), BIT(IPC_SOURCE), 0, offsetof(struct ipc_ask, octets),
         sizeof(struct ipc_ask), NO_FD, ask_fits},
    [IPC_SOURCE_MODE] =
        {"SOURCE_MODE", BIT(IPC_SOURCE), BIT(IPC_AUTH), 0, FIXED(ipc_source_mode), NO_FD, NULL},
    [IPC_ANSWER] =
        {"ANSWER", BIT(IPC_SOURCE), BIT(IPC_AUTH), 0, offsetof(struct ipc_answer, passwords),
         sizeof(struct ipc_answer), NO_FD, answer_fits},
    [IPC_OPEN] = {"OPEN", BIT(IPC_AUTH), BIT(IPC_STORE), 0, FIXED(ipc_open), NO_FD, open_fits},
    [IPC_OPENED] =
        {"OPENED", BIT(IPC_STORE), BIT(IPC_FRONT), 0, offsetof(struct ipc_opened, snapshot),
         sizeof(struct ipc_opened), 0, 1, opened_fits},
    [IPC_OPEN_REFUSED] =
        {"OPEN_REFUSED", BIT(IPC_STORE), BIT(IPC_FRONT), 0, FIXED(ipc_refused), NO_FD,
         refused_fits},
    [IPC_FETCHED] =
        {"FETCHED", BIT(IPC_STORE), BIT(IPC_FRONT), 0, FIXED(ipc_fetched), 0, FETCH_BATCH_MAX,
         fetched_fits},
    [IPC_COMMITTED] =
        {"COMMITTED", BIT(IPC_STORE), BIT(IPC_FRONT), 0, FIXED(ipc_committed), NO_FD, NULL},
    [IPC_FETCH] =
        {"FETCH", BIT(IPC_FRONT), BIT(IPC_STORE), BIT(IPC_STATE_OPEN), FIXED(ipc_fetch), NO_FD,
         fetch_fits},
    [IPC_SUSPECT] =
        {"SUSPECT", BIT(IPC_FRONT), BIT(IPC_STORE), BIT(IPC_STATE_OPEN), FIXED(ipc_suspect),
         NO_FD, NULL},
    [IPC_MARKS] =
        {"MARKS", BIT(IPC_FRONT), BIT(IPC_STORE), BIT(IPC_STATE_OPEN),
         offsetof(struct ipc_marks, bits) + 1, sizeof(struct ipc_marks), NO_FD, marks_fit},
    [IPC_COMMIT] =
        {"COMMIT", BIT(IPC_FRONT), BIT(IPC_STORE), BIT(IPC_STATE_OPEN), 0, 0, NO_FD, NULL},
    [IPC_CLOSE] =
        {"CLOSE", BIT(IPC_FRONT), BIT(IPC_STORE),
         BIT(IPC_STATE_OPEN) | BIT(IPC_STATE_COMMITTED), 0, 0, NO_FD, NULL},
#undef FIXED
#undef NO_FD
#undef ONE_FD
};

bool
ipc_message_valid(
    enum ipc_role from, enum ipc_role to, uint32_t type, const void *body, size_t body_size,
    size_t fd_count)
{
    if (type >= IPC_TYPE_COUNT)
        return false;
    const struct row *row = &rows[type];
    return (row->from & BIT(from)) && (row->to & BIT(to)) && body_size >= row->size_min &&
           body_size <= row->size_max && fd_count >= row->fds_min && fd_count <= row->fds_max &&
           (row->check == NULL || row->check(body, body_size));
}

bool
ipc_message_allowed(uint32_t type, enum ipc_state state)
{
    return type < IPC_TYPE_COUNT && (rows[type].states & BIT(state));
}

const char *
ipc_type_name(uint32_t type)
{
    return type < IPC_TYPE_COUNT ? rows[type].name : "unknown";
}

const char *
ipc_role_name(enum ipc_role role)
{
    static const char *const names[IPC_ROLE_COUNT] = {
        [IPC_PARENT] = "restanted",    [IPC_FRONT] = "restanted-front",
        [IPC_AUTH] = "restanted-auth", [IPC_STORE] = "restanted-store",
        [IPC_KEYS] = "restanted-keys", [IPC_SOURCE] = "restanted-source",
    };
    return names[role];
}
