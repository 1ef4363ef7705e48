== server: an answer that does not come
C: NOOP
S: +OK ...
S: -ERR ...
S: -ERR ...

== server: an answer that is not expected
C: NOOP
C: NOOP
S: +OK ...
S: -ERR ...

== server: another text
C: NOOP
S: +OK ...
S: -ERR nearly

== server: a text that only starts so
C: NOOP
S: +OK ...
S: -ERR log in first

== server: an end that does not come
C: NOOP
S: +OK ...
S: -ERR ...
S! close

== server: an end that is not expected
C: QUIT
S: +OK ...
S: +OK ...

== server: a line end that is none
C: NOOP
S: +OK ...
S- -ERR ...

== server: other messages removed
login: yes
message: a
message: b
C: DELE 1
C: QUIT
S: +OK ...
S! remove 2
S: +OK ...
S! close

== server: a drop that is none
login: yes
message: a
C: RETR 1
S- +OK 3 octets...
S! drop

== client: octets that it does not send
S: +OK
E: GREETING ok
C: RETR 01
E: awaits 1

== client: a command that does not go out
S: +OK
E: GREETING ok
C: PASS \0
E: awaits 1

== client: a refusal that does not come
S: +OK
E: GREETING ok
C! NOOP

== client: an event that does not come
S: +OK
E: GREETING ok
E: awaits 1

== client: an event that is not expected
S: +OK
C: NOOP
S: +OK
E: GREETING ok
C: NOOP

== client: an event too late
S: +OK
C: NOOP
E: GREETING ok
E: awaits 1

== client: another text of a message
S: +OK
E: GREETING ok
C: RETR 1
S: +OK
S: .
E: RETR 1 ok+
E: RETR 1 text .
E: RETR 1 end
