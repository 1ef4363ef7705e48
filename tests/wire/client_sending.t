== client: every command, octet for octet
# R1939-4, R2449-18
S: +OK
E: GREETING ok
C: CAPA
C: USER ann
C: PASS  a  b\x20
C: APOP ann c4c9334bac560ecc979e58001b3e22fb
C: STAT
C: LIST
C: LIST 4294967295
C: UIDL
C: UIDL 2
C: RETR 1
C: TOP 1 0
C: TOP 1 18446744073709551615
C: DELE 10
C: NOOP
C: RSET
C: QUIT
E: awaits 16

== client: lines of 255 octets go out, longer ones do not
# R2449-7
S: +OK
E: GREETING ok
C: PASS \{248*p}
C! PASS \{249*p}
C! PASS \{10000*p}
C! USER \{249*u}
C: USER \{248*u}
E: awaits 2

== client: what would make a second command of it is not sent
# R2449-7, PROJ-3
S: +OK
E: GREETING ok
C! USER ann\r\nDELE 1
C! USER ann\n
C! USER ann\r
C! USER \0
C! PASS secret\0
C! PASS a\x09b
C! PASS a\x7f
C! USER
C! PASS
C! APOP
C: USER ann
E: awaits 1

== client: commands may go out before the greeting has come
# R2449-18: whether that is wise is not libpop's to say
C: NOOP
S: +OK ready
S: +OK
E: GREETING ok ready
E: NOOP ok

== client: a full queue, and room again after an answer
# R2449-18, PROJ-3
S: +OK
E: GREETING ok
512 times C: NOOP
C~ NOOP
C~ RETR 1
S: +OK
E: NOOP ok
C: RETR 1
C~ NOOP
511 times S: +OK
511 times E: NOOP ok
C: NOOP
S: +OK
S: x
S: .
S: +OK
E: RETR 1 ok+
E: RETR 1 text x\r\n
E: RETR 1 end
E: NOOP ok
