== client: a server that speaks without having been asked
# PROJ-3, R2449-18
S: +OK
E: GREETING ok
S: +OK you have mail
E: broken: the server speaks without having been asked

== client: two answers to one command
# PROJ-3
S: +OK
E: GREETING ok
C: NOOP
S- +OK\r\n+OK\r\n
E: NOOP ok
E: broken: the server speaks without having been asked

== client: something behind the answer to QUIT
# PROJ-3
S: +OK
E: GREETING ok
C: QUIT
S: +OK bye
S- x
S- \n
E: QUIT ok bye
E: broken: the server speaks without having been asked

== client: an empty line in between
# PROJ-3
S: +OK
E: GREETING ok
C: NOOP
S:
E: broken: the answer is neither +OK nor -ERR

== client: after a fault nothing is believed
# PROJ-3
S: +OK
E: GREETING ok
C: RETR 1
C: NOOP
S: OK
S: +OK
S: .
S: +OK
E: broken: the answer is neither +OK nor -ERR

== client: a challenge where none was asked for
# PROJ-3; SASL is later work
S: +OK
E: GREETING ok
C: PASS secret
S: +
E: broken: the answer is neither +OK nor -ERR

== client: first lines up to 1024 octets
# R1939-10: twice what a server may send
S: +OK
E: GREETING ok
C: NOOP
S: +OK \{506*x}
E: NOOP ok \{506*x}
C: NOOP
S: -ERR \{1018*x}
E: NOOP err \{1018*x}

== client: a first line that is longer
# PROJ-3
S: +OK
E: GREETING ok
C: NOOP
S: +OK \{1020*x}
E: broken: the server sends a line that is too long

== client: a first line without end
# PROJ-3: it is not waited for
S- +OK \{5000*x}
E: broken: the server sends a line that is too long

== client: a line of a listing that is longer
# PROJ-3
S: +OK
E: GREETING ok
C: LIST
S: +OK
S: 1 5
S: 2 \{1022*5}
E: LIST ok+
E: LIST item 1 5
E: broken: the server sends a line that is too long

== client: a capability without end
# PROJ-3
S: +OK
E: GREETING ok
C: CAPA
S: +OK
S- X\{1100* x}
E: CAPA ok+
E: broken: the server sends a line that is too long

== client: lines at the bound
# PROJ-3: 1024 octets without the LF are taken
S: +OK
E: GREETING ok
C: CAPA
S: +OK
S- \{1024*x}\n
S- \{1023*y}\r\n
S: .
E: CAPA ok+
E: CAPA item \{1024*x}
E: CAPA item \{1023*y}
E: CAPA end:

== client: a listing that stops is not complete
# PROJ-3
S: +OK
E: GREETING ok
C: UIDL
S: +OK
S: 1 a
S- 2 b
E: UIDL ok+
E: UIDL item 1 a
E: awaits 1

== client: a body where an -ERR has none
# R1939-9, PROJ-3: what follows is taken for the next answer
S: +OK
E: GREETING ok
C: LIST
S: -ERR no
S: 1 5
S: .
E: LIST err no
E: broken: the server speaks without having been asked
