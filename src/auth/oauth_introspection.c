/* Token introspection over libcurl. The token leaves this process in the body of the one
 * request, and stands in no text of an error. */
#include "auth/oauth_introspection.h"

#include "base/cleanup.h"
#include "base/network.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Where plain http goes nowhere. */
static const char *const loopback[] = {"127.0.0.0/8", "::1"};

struct oauth_introspection {
    CURL *curl;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    struct pop_buffer body; /* the answer's, INTROSPECTION_BODY_MAX */
    bool too_long;          /* it was more than that */
};

/* ---- the URL ---- */

static bool
is_loopback(const char *host)
{
    struct network address;
    struct network network;
    struct pop_view text = pop_view_of(host);
    if (strcmp(host, "localhost") == 0) /* libcurl never asks a resolver for it */
        return true;
    if (text.len > 2 && text.data[0] == '[')
        text = (struct pop_view){text.data + 1, text.len - 2};
    if (memchr(text.data, '/', text.len) != NULL || network_parse(text, &address) != NULL)
        return false;
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
        if (network_parse(pop_view_of(loopback[i]), &network) == NULL &&
            network_contains(&network, &address.address))
            return true;
    return false;
}

static void
url_freep(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void
curl_text_freep(char **text)
{
    curl_free(*text);
}

/* NULL: it can be asked. Else why not. */
static const char *
url_problem(const char *text)
{
    CLEANUP(url_freep) CURLU *url = curl_url();
    CLEANUP(curl_text_freep) char *scheme = NULL;
    CLEANUP(curl_text_freep) char *host = NULL;
    CLEANUP(curl_text_freep) char *user = NULL;
    if (curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_NO_USER)
        return "https://HOST/PATH is needed";
    if (strcmp(scheme, "https") == 0)
        return NULL;
    if (strcmp(scheme, "http") != 0)
        return "https://HOST/PATH is needed";
    return is_loopback(host) ? NULL : "plain http goes to this machine only (127.0.0.1, ::1)";
}

/* ---- the handle ---- */

/* As much as fits; more ends the transfer. */
static size_t
on_body(char *data, size_t size, size_t count, void *context)
{
    struct oauth_introspection *introspection = context;
    struct pop_view octets = {data, size * count};
    if (octets.len > pop_buffer_room(&introspection->body)) {
        introspection->too_long = true;
        return 0;
    }
    pop_buffer_put(&introspection->body, octets);
    return octets.len;
}

/* RFC 6749, section 2.3.1: both are encoded as in a form before Basic joins them with a colon,
 * which so cannot stand in either. */
static bool
set_credentials(CURL *curl, const struct oauth_endpoint *endpoint)
{
    CLEANUP(curl_text_freep) char *id = curl_easy_escape(curl, endpoint->client_id, 0);
    char *secret = curl_easy_escape(curl, endpoint->secret.data, (int)endpoint->secret.len);
    bool done = id != NULL && secret != NULL &&
                curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_USERNAME, id) == CURLE_OK &&
                curl_easy_setopt(curl, CURLOPT_PASSWORD, secret) == CURLE_OK;
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    curl_free(secret);
    return done;
}

static bool
set_header(struct oauth_introspection *introspection, const char *text)
{
    struct curl_slist *list = curl_slist_append(introspection->headers, text);
    if (list != NULL)
        introspection->headers = list;
    return list != NULL;
}

/* How the server is asked: nothing of this changes between questions. */
static bool
set_up(struct oauth_introspection *introspection, const struct oauth_endpoint *endpoint)
{
    CURL *curl = introspection->curl;
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_POST, 1},
        {CURLOPT_NOSIGNAL, 1}, /* several threads ask */
        {CURLOPT_TIMEOUT_MS, (long)endpoint->timeout_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)endpoint->timeout_ms},
        {CURLOPT_QUICK_EXIT,
         1}, /* a thread that resolves a name is left behind, not waited for */
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
    };
    const struct {
        CURLoption option;
        const void *value;
    } pointers[] = {
        {CURLOPT_URL, endpoint->url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_PROXY, ""}, /* whatever the environment says: it would see tokens */
        {CURLOPT_USERAGENT, "restante"},
        {CURLOPT_HTTPHEADER, introspection->headers},
        {CURLOPT_ERRORBUFFER, introspection->error},
        {CURLOPT_WRITEDATA, introspection},
    };
    bool done = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        done = done && curl_easy_setopt(curl, numbers[i].option, numbers[i].value) == CURLE_OK;
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++)
        done =
            done && curl_easy_setopt(curl, pointers[i].option, pointers[i].value) == CURLE_OK;
    /* Only those of the file: the system's folder is not asked then. */
    if (endpoint->ca != NULL)
        done = done && curl_easy_setopt(curl, CURLOPT_CAINFO, endpoint->ca) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_CAPATH, NULL) == CURLE_OK;
    return done && set_credentials(curl, endpoint);
}

static void
initialise(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT); /* failed: curl_easy_init() fails too */
}

enum err_code
oauth_introspection_new(
    struct oauth_introspection **ret_introspection, const struct oauth_endpoint *endpoint,
    struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, initialise);
    const char *problem = url_problem(endpoint->url);
    if (problem != NULL)
        return err_set(err, ERR_INVALID, "%s", problem);
    struct oauth_introspection *introspection = calloc(1, sizeof *introspection);
    if (introspection == NULL)
        return err_set(err, ERR_NOMEM, "preparing introspection");
    introspection->curl = curl_easy_init();
    introspection->body.data = malloc(INTROSPECTION_BODY_MAX);
    introspection->body.cap = INTROSPECTION_BODY_MAX;
    /* "Expect:" switches off the question whether a body is welcome, which costs a round. */
    if (introspection->curl == NULL || introspection->body.data == NULL ||
        !set_header(introspection, "Accept: application/json") ||
        !set_header(introspection, "Expect:") || !set_up(introspection, endpoint)) {
        oauth_introspection_free(introspection);
        return err_set(err, ERR_NOMEM, "preparing introspection");
    }
    *ret_introspection = introspection;
    return ERR_OK;
}

void
oauth_introspection_free(struct oauth_introspection *introspection)
{
    if (introspection == NULL)
        return;
    curl_easy_cleanup(introspection->curl);
    curl_slist_free_all(introspection->headers);
    free(introspection->body.data);
    free(introspection);
}

/* ---- a question ---- */

static bool
make_form(struct pop_view token, struct pop_buffer *form)
{
    CLEANUP(curl_text_freep) char *escaped = curl_easy_escape(NULL, token.data, (int)token.len);
    if (escaped == NULL)
        return false;
    const struct pop_view parts[] = {
        POP_VIEW("token="), pop_view_of(escaped), POP_VIEW("&token_type_hint=access_token")};
    form->cap = parts[0].len + parts[1].len + parts[2].len;
    form->data = malloc(form->cap);
    for (size_t i = 0; form->data != NULL && i < 3; i++)
        pop_buffer_put(form, parts[i]);
    explicit_bzero(escaped, parts[1].len);
    return form->data != NULL;
}

static enum err_code
transfer(struct oauth_introspection *introspection, struct pop_view form, struct err *err)
{
    CURL *curl = introspection->curl;
    introspection->body.len = 0;
    introspection->too_long = false;
    introspection->error[0] = '\0';
    if (curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)form.len) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form.data) != CURLE_OK)
        return err_set(err, ERR_NOMEM, "asking about a token");
    CURLcode code = curl_easy_perform(curl);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ""); /* the form is wiped after this */
    if (introspection->too_long)
        return err_set(
            err, ERR_PROTOCOL, "the introspection endpoint's answer is longer than %u octets",
            INTROSPECTION_BODY_MAX);
    if (code != CURLE_OK)
        return err_set(
            err, ERR_CLOSED, "the introspection endpoint cannot be asked: %s",
            introspection->error[0] != '\0' ? introspection->error : curl_easy_strerror(code));
    return ERR_OK;
}

static enum err_code
check_status(CURL *curl, struct err *err)
{
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return ERR_OK;
    return err_set(
        err, ERR_PROTOCOL, "the introspection endpoint answers with status %ld%s", status,
        status == 401 || status == 403 ? ": is it the right client-id and password-file?" : "");
}

static enum err_code
judge(
    struct pop_view body, const struct oauth_rules *rules, struct auth_user *user,
    struct err *err)
{
    CLEANUP(json_freep) cJSON *claims = json_object(body);
    const cJSON *active = json_member(claims, "active");
    if (!cJSON_IsBool(active))
        return err_set(
            err, ERR_PROTOCOL, "the introspection endpoint's answer is not that of RFC 7662");
    if (!cJSON_IsTrue(active))
        return err_set(err, ERR_DENIED, "the token is not active");
    return oauth_claims_check(claims, rules, time(NULL), user, err);
}

enum err_code
oauth_introspection_check(
    struct oauth_introspection *introspection, struct pop_view token,
    const struct oauth_rules *rules, struct auth_user *user, struct err *err)
{
    struct pop_buffer form = {0};
    if (!make_form(token, &form))
        return err_set(err, ERR_NOMEM, "asking about a token");
    enum err_code code = transfer(introspection, pop_buffer_view(&form), err);
    explicit_bzero(form.data, form.cap);
    free(form.data);
    if (code == ERR_OK)
        code = check_status(introspection->curl, err);
    if (code == ERR_OK)
        code = judge(pop_buffer_view(&introspection->body), rules, user, err);
    return code;
}
