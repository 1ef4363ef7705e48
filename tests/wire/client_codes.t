== client: response codes in any case, with levels that are not known
# R2449-10, R2449-12, R3206-3, R3206-4: "[SYS/TEMP]" is what libpop takes it for, "?" is unknown
S: +OK
E: GREETING ok
C: NOOP
S: -ERR [AUTH] no
E: NOOP err [AUTH] no
C: NOOP
S: -ERR [auth] no
E: NOOP err [AUTH] no
C: NOOP
S: -ERR [Auth]no
E: NOOP err [AUTH] no
C: NOOP
S: -ERR [AUTH]
E: NOOP err [AUTH]
C: NOOP
S: -ERR [AUTH/EXPIRED/LONG-AGO] no
E: NOOP err [AUTH] no
C: NOOP
S: -ERR [AUTHX] no
E: NOOP err [AUTHX?] no
C: NOOP
S: -ERR [IN-USE] busy
E: NOOP err [IN-USE] busy
C: NOOP
S: -ERR [in-use/by-you] busy
E: NOOP err [IN-USE] busy
C: NOOP
S: -ERR [LOGIN-DELAY] wait
E: NOOP err [LOGIN-DELAY] wait
C: NOOP
S: -ERR [SYS/TEMP] later
E: NOOP err [SYS/TEMP] later
C: NOOP
S: -ERR [sys/Temp/disk/full] later
E: NOOP err [SYS/TEMP] later
C: NOOP
S: -ERR [SYS/PERM] ask
E: NOOP err [SYS/PERM] ask
C: NOOP
S: -ERR [SYS/PERMANENT] ask
E: NOOP err [SYS] ask
C: NOOP
S: -ERR [SYS] ask
E: NOOP err [SYS] ask
C: NOOP
S: -ERR [SYS/] ask
E: NOOP err [SYS] ask
C: NOOP
S: -ERR [SYSTEM] ask
E: NOOP err [SYSTEM?] ask
C: NOOP
S: -ERR [UTF8] no
E: NOOP err [UTF8?] no
C: NOOP
S: -ERR [X y] z
E: NOOP err [X y?] z
C: NOOP
S: -ERR [] no
E: NOOP err no
C: NOOP
S: -ERR [AUTH no
E: NOOP err [AUTH no
C: NOOP
S: -ERR AUTH] no
E: NOOP err AUTH] no
C: NOOP
S: -ERR  [AUTH] no
E: NOOP err  [AUTH] no
C: NOOP
S: -ERR text [AUTH]
E: NOOP err text [AUTH]
C: NOOP
S: -ERR [\{64*x}] no
E: NOOP err [\{64*x}?] no
C: NOOP
S: -ERR [\{65*x}] no
E: NOOP err [\{65*x}] no

== client: codes of +OK are read alike
# R2449-10, R1939-9
S: +OK
E: GREETING ok
C: STAT
S: +OK [X-NOTE] 2 320
E: STAT ok [X-NOTE?] 2 320
C: NOOP
S: +OK [AUTH/FOO] hello
E: NOOP ok [AUTH] hello

== client: -ERR without a text
# R1939-9
S: +OK
E: GREETING ok
C: PASS secret
S: -ERR
E: PASS err
