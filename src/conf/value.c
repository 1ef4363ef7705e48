/* One function per kind of value. */
#include "conf/value.h"

#include "base/limits.h"
#include "base/mechanism.h"
#include "base/number.h"
#include "conf/address.h"
#include "conf/template.h"

#include <stdlib.h>
#include <string.h>

/* The first words of every refusal. */
static enum err_code
refuse(const struct conf_option *option, const char *text, const char *allowed, struct err *err)
{
    return err_set(
        err, ERR_INVALID, "%s = \"%.100s\" is not valid: %s", option->name, text, allowed);
}

static enum err_code
string_set(char **field, char *fresh, struct err *err)
{
    if (fresh == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the configuration");
    free(*field);
    *field = fresh;
    return ERR_OK;
}

static enum err_code
set_number(const struct conf_option *option, const char *text, uint32_t *field, struct err *err)
{
    uint32_t value;
    if (parse_u32(pop_view_of(text), &value) && value >= option->min && value <= option->max) {
        *field = value;
        return ERR_OK;
    }
    return err_set(
        err, ERR_INVALID,
        "%s = \"%.100s\" is not valid: a whole number from %u to %u is needed", option->name,
        text, option->min, option->max);
}

static enum err_code
set_choice(const struct conf_option *option, const char *text, unsigned *field, struct err *err)
{
    char allowed[128] = "";
    size_t len = 0;
    for (unsigned i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(text, option->choices[i]) == 0) {
            *field = i;
            return ERR_OK;
        }
        len += (size_t)snprintf(
            allowed + len, sizeof allowed - len, "%s\"%s\"", i > 0 ? ", " : "",
            option->choices[i]);
    }
    return err_set(
        err, ERR_INVALID, "%s = \"%.100s\" is not valid: it can be %s", option->name, text,
        allowed);
}

/* It is sent in the greeting, so it must be a name and nothing else (RFC 1123, 2.1). */
static enum err_code
set_hostname(const struct conf_option *option, const char *text, char **field, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t len = strlen(text);
    if (len == 0 || len > 255 || strspn(text, letters) != len || strstr(text, "..") != NULL ||
        strchr("-.", text[0]) != NULL)
        return refuse(
            option, text, "a host name has letters, digits, '-' and '.', at most 255", err);
    return string_set(field, strdup(text), err);
}

static enum err_code
set_address(
    const struct conf_option *option, const char *text, struct conf_address *field,
    struct err *err)
{
    struct conf_address address = {0};
    if (!conf_address_parse(text, &address.socket, &address.len))
        return refuse(
            option, text,
            "an address and a port are needed, like \"127.0.0.1:110\" or \"[::1]:110\"", err);
    address.text = strdup(text);
    if (address.text == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the configuration");
    free(field->text);
    *field = address;
    return ERR_OK;
}

/* folder + "/" + path. In a template a '%' of the folder's name stands for itself. */
static char *
path_join(const char *folder, const char *path, bool template)
{
    char *joined = malloc(2 * strlen(folder) + strlen(path) + 2);
    if (joined == NULL)
        return NULL;
    size_t len = 0;
    for (const char *c = folder; *c != '\0'; c++) {
        joined[len++] = *c;
        if (*c == '%' && template)
            joined[len++] = '%';
    }
    if (len == 0 || joined[len - 1] != '/')
        joined[len++] = '/';
    memcpy(joined + len, path, strlen(path) + 1);
    return joined;
}

static enum err_code
set_path(
    const struct conf_option *option, const char *text, const char *folder, bool absolute,
    char **field, struct err *err)
{
    if (text[0] == '\0')
        return refuse(option, text, "a path is needed", err);
    char *path =
        absolute ? strdup(text) : path_join(folder, text, option->kind == CONF_KIND_TEMPLATE);
    if (path != NULL && strlen(path) >= PATH_LEN_MAX) {
        free(path);
        return err_set(
            err, ERR_INVALID, "%s: the path has more than %u octets", option->name,
            PATH_LEN_MAX - 1);
    }
    return string_set(field, path, err);
}

static enum err_code
set_template(
    const struct conf_option *option, const char *text, const char *folder, char **field,
    struct err *err)
{
    struct err why;
    if (conf_template_check(text, &why) != ERR_OK)
        return refuse(option, text, why.text, err);
    return set_path(option, text, folder, conf_template_is_absolute(text), field, err);
}

static enum err_code
set_account(
    const struct conf_option *option, const char *text, struct conf_account *field,
    struct err *err)
{
    const char *colon = strchr(text, ':');
    if (text[0] == '\0' || text[0] == ':' || strpbrk(text, " \t/") != NULL ||
        (colon != NULL && (colon[1] == '\0' || strchr(colon + 1, ':') != NULL)))
        return refuse(
            option, text, "\"user\" or \"user:group\" is needed, names or numbers", err);
    return string_set(&field->text, strdup(text), err);
}

static enum err_code
set_networks(
    const struct conf_option *option, const char *text, struct conf_networks *field,
    struct err *err)
{
    struct conf_networks networks = {.count = 0};
    for (const char *word = text + strspn(text, " "); *word != '\0';) {
        struct pop_view written = {word, strcspn(word, " ")};
        if (networks.count == PROXY_NETWORKS_MAX)
            return err_set(
                err, ERR_INVALID, "%s: more than %u networks", option->name,
                PROXY_NETWORKS_MAX);
        const char *wrong = network_parse(written, &networks.networks[networks.count++]);
        if (wrong != NULL)
            return err_set(
                err, ERR_INVALID, "%s: \"%.*s\" is not valid: %s", option->name,
                (int)(written.len < 60 ? written.len : 60), written.data, wrong);
        word += written.len;
        word += strspn(word, " ");
    }
    if (networks.count == 0)
        return refuse(option, text, "networks are needed, like \"10.0.0.0/8 ::1\"", err);
    *field = networks;
    return ERR_OK;
}

/* "auto", or names with blanks between. */
static enum err_code
set_mechanisms(
    const struct conf_option *option, const char *text, uint32_t *field, struct err *err)
{
    uint32_t set = 0;
    if (strcmp(text, "auto") == 0) {
        *field = 0;
        return ERR_OK;
    }
    for (const char *word = text + strspn(text, " "); *word != '\0';) {
        struct pop_view name = {word, strcspn(word, " ")};
        enum mechanism mechanism = mechanism_find(name);
        if (mechanism == MECHANISM_COUNT) {
            char known[MECHANISM_NAMES_MAX];
            size_t len = mechanism_names(MECHANISMS_ALL, known);
            return err_set(
                err, ERR_INVALID, "%s: there is no mechanism '%.*s'; there are %.*s",
                option->name, (int)(name.len < 40 ? name.len : 40), name.data, (int)len, known);
        }
        set |= MECHANISM_BIT(mechanism);
        word += name.len;
        word += strspn(word, " ");
    }
    if (set == 0)
        return refuse(option, text, "\"auto\" or the names of mechanisms are needed", err);
    *field = set;
    return ERR_OK;
}

static enum err_code
set_text(const struct conf_option *option, const char *text, char **field, struct err *err)
{
    unsigned index;
    if (option->choices != NULL && set_choice(option, text, &index, err) != ERR_OK)
        return err->code;
    if (text[0] == '\0' || strlen(text) >= PATH_LEN_MAX)
        return refuse(option, text, "a text of 1 to 4095 octets is needed", err);
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
            return refuse(option, text, "it must not have control characters", err);
    return string_set(field, strdup(text), err);
}

enum err_code
conf_value_set(
    const struct conf_option *option, const char *text, const char *folder, void *target,
    struct err *err)
{
    void *field = (char *)target + option->offset;
    switch (option->kind) {
    case CONF_KIND_NUMBER:
        return set_number(option, text, field, err);
    case CONF_KIND_CHOICE:
        return set_choice(option, text, field, err);
    case CONF_KIND_HOSTNAME:
        return set_hostname(option, text, field, err);
    case CONF_KIND_ADDRESS:
        return set_address(option, text, field, err);
    case CONF_KIND_FILE:
        return set_path(option, text, folder, text[0] == '/', field, err);
    case CONF_KIND_TEMPLATE:
        return set_template(option, text, folder, field, err);
    case CONF_KIND_ACCOUNT:
        return set_account(option, text, field, err);
    case CONF_KIND_NETWORKS:
        return set_networks(option, text, field, err);
    case CONF_KIND_TEXT:
        return set_text(option, text, field, err);
    case CONF_KIND_MECHANISMS:
        return set_mechanisms(option, text, field, err);
    }
    abort();
}

void
conf_value_finish(const struct conf_option *option, void *target)
{
    void *field = (char *)target + option->offset;
    switch (option->kind) {
    case CONF_KIND_HOSTNAME:
    case CONF_KIND_FILE:
    case CONF_KIND_TEMPLATE:
    case CONF_KIND_TEXT:
        free(*(char **)field);
        break;
    case CONF_KIND_ADDRESS:
        free(((struct conf_address *)field)->text);
        break;
    case CONF_KIND_ACCOUNT:
        free(((struct conf_account *)field)->text);
        break;
    case CONF_KIND_NUMBER:
    case CONF_KIND_CHOICE:
    case CONF_KIND_NETWORKS:
    case CONF_KIND_MECHANISMS:
        break;
    }
}
