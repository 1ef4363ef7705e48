== server: each kind of mistake counts, and what is none does not
mistakes-per-session: 11
mechanisms: X-ECHO
message: a
message: b
message: c
refused: gone
refuse: in-use
C: XYZZY
C: CAPA 1
C: \x07
C: \{300*a}
C: PASS secret
C: RETR 1
C: AUTH X-NONE
C: AUTH X-ECHO
C: %
C: AUTH X-ECHO
C: *
C: USER ann
C: PASS wrong
C: USER ann
C: PASS secret
C: USER ann
C: PASS secret
C: RETR 3
C: DELE 3
C: DELE 1
C: RETR 1
C: DELE 1
C: UIDL 9
C: TOP 2 x
C: NOOP
C: LIST 0
C: NOOP
S: +OK ...
S: -ERR unknown command
S: -ERR this command takes no argument
S: -ERR a command is printable ASCII only
S: -ERR line too long...
S: -ERR USER comes first
S: -ERR log in first...
S: -ERR this mechanism...
S: +\x20
S: -ERR the response is no base64
S! sasl ended
S: +\x20
S: -ERR cancelled
S! sasl ended
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: +OK ...
S: -ERR [IN-USE] ...
S: +OK ...
S: +OK logged in...
S: -ERR this message was removed...
S: -ERR this message could not be read, it is kept
S: +OK message 1 deleted
S: -ERR message 1 is deleted
S: -ERR message 1 is deleted
S: -ERR no such message, only 3 here
S: -ERR the number of lines is digits only
S: +OK
S: -ERR too many mistakes (limit: mistakes-per-session)
S! close

== server: one mistake too many ends the session without a deletion
# R1939-17
mistakes-per-session: 1
login: yes
message: a
C: DELE 1
C: XYZZY
C: XYZZY
C: QUIT
S: +OK message 1 deleted
S: -ERR unknown command
S: -ERR too many mistakes (limit: mistakes-per-session)
S! close

== server: a refused login that is one too many keeps its code
# R3206-1
mistakes-per-session: 1
C: USER ann
C: PASS wrong
C: USER ann
C: PASS wrong
C: USER ann
S: +OK ...
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: +OK ...
S: -ERR [AUTH] too many mistakes (limit: mistakes-per-session)
S! close

== server: an exchange that ends with one mistake too many
mistakes-per-session: 1
mechanisms: X-ECHO
C: NOOP
C: AUTH X-ECHO
C: %
C: NOOP
S: +OK ...
S: -ERR log in first...
S: +\x20
S: -ERR too many mistakes (limit: mistakes-per-session)
S! sasl ended
S! close

== server: a login refused because of earlier ones
refuse: failures
mistakes-per-session: 1
C: USER ann
C: PASS secret
C: XYZZY
S: +OK ...
S: +OK ...
S: -ERR [SYS/TEMP] too many refused logins from your address (limit: failures-per-address), try again later
S: -ERR too many mistakes (limit: mistakes-per-session)
S! close

== server: no limit of mistakes
C: NOOP
300 times C: NOOP
C: QUIT
S: +OK ...
301 times S: -ERR log in first...
S: +OK ...
S! close

== server: commands without a login have a limit, whatever they are
commands-before-login: 4
C: CAPA
C: \{300*a}
C: USER ann
C: CAPA
C: QUIT
S: +OK ...
S: +OK ...
S: TOP
S: UIDL
S: USER
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION ...
S: .
S: -ERR line too long...
S: +OK ...
S: +OK ...
S: TOP
S: UIDL
S: USER
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION ...
S: .
S: -ERR too many commands and no login (limit: commands-before-login)
S! close

== server: after the login there is no limit of commands
commands-before-login: 2
login: yes
message: a
50 times C: NOOP
C: QUIT
50 times S: +OK
S: +OK ...
S! close
