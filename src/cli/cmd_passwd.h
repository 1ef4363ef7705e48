/* restante passwd: users of the server's user file. */
#ifndef CLI_CMD_PASSWD_H
#define CLI_CMD_PASSWD_H

/* argv[0] is "passwd". Returns an exit code of sysexits. */
int cmd_passwd(int argc, char **argv);

#endif
