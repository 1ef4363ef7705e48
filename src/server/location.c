/* From a user's name to the path of the maildrop. */
#include "server/location.h"

#include <string.h>

/* A name part becomes one path component and nothing else. */
static bool
is_component(struct pop_view part)
{
    if (part.len == 0 || part.data[0] == '.')
        return false;
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.data[i];
        if (c == '/' || c < 0x20 || c == 0x7F)
            return false;
    }
    return true;
}

/* What the letter behind a "%" stands for; false: it cannot be used. */
static bool
part_of(char letter, struct pop_view user, struct pop_view home, struct pop_view *ret_part)
{
    const char *at = memrchr(user.data, '@', user.len);
    size_t local_len = at != NULL ? (size_t)(at - user.data) : user.len;
    switch (letter) {
    case '%':
        *ret_part = POP_VIEW("%");
        return true;
    case 'u':
        *ret_part = user;
        return is_component(user);
    case 'n':
        *ret_part = (struct pop_view){user.data, local_len};
        return is_component(*ret_part);
    case 'd':
        if (at == NULL)
            return false;
        *ret_part = (struct pop_view){at + 1, user.len - local_len - 1};
        return is_component(*ret_part);
    case 'h':
        *ret_part = home;
        return home.len > 0 && home.data[0] == '/';
    default:
        return false; /* the configuration was checked; this is a new letter, forgotten here */
    }
}

enum err_code
location_expand(
    const char *path_template, struct pop_view user, struct pop_view home,
    char ret_location[PATH_LEN_MAX], struct err *err)
{
    char path[PATH_LEN_MAX];
    struct pop_buffer out = {.data = path, .cap = sizeof path - 1};
    for (const char *c = path_template; *c != '\0'; c++) {
        struct pop_view part = {c, 1};
        if (*c == '%' && !part_of(*++c, user, home, &part))
            return err_set(
                err, ERR_INVALID, "user name or home does not fit %%%c in '%s'", *c,
                path_template);
        if (part.len > pop_buffer_room(&out))
            return err_set(err, ERR_INVALID, "path too long in '%s'", path_template);
        pop_buffer_put(&out, part);
    }
    memcpy(ret_location, path, out.len);
    ret_location[out.len] = '\0';
    return ERR_OK;
}

void
location_root(const char *path_template, char ret_root[PATH_LEN_MAX])
{
    size_t len = strcspn(path_template, "%");
    while (path_template[len] != '\0' && len > 1 && path_template[len - 1] != '/')
        len--; /* "/mail/x%u": the folder is "/mail" */
    while (len > 1 && path_template[len - 1] == '/')
        len--;
    if (len == 0) { /* "%h/Maildir": homes may be anywhere */
        ret_root[0] = '/';
        len = 1;
    } else {
        memcpy(ret_root, path_template, len);
    }
    ret_root[len] = '\0';
}
