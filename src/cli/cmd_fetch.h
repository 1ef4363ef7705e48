/* restante fetch URL --to DEST ... */
#ifndef CLI_CMD_FETCH_H
#define CLI_CMD_FETCH_H

/* argv[0] is "fetch". Returns the exit code. */
int cmd_fetch(int argc, char **argv);

#endif
