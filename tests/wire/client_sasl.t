== client: the mechanisms are a capability
# R5034-18
S: +OK
E: GREETING ok
C: CAPA
S: +OK
S: SASL SCRAM-SHA-256 PLAIN
S: .
E: CAPA ok+
E: CAPA item SASL SCRAM-SHA-256 PLAIN
E: CAPA end: SASL

== client: a message along with AUTH
# R5034-9, R5034-13
S: +OK
E: GREETING ok
C: AUTH PLAIN AGFubgBzZWNyZXQ=
S: +OK logged in
E: AUTH ok logged in
C: STAT
S: +OK 0 0
E: STAT ok 0 0

== client: an empty message along with AUTH
# R5034-7
S: +OK
E: GREETING ok
C: AUTH EXTERNAL =
S: -ERR [AUTH] no
E: AUTH err [AUTH] no

== client: challenges and responses, empty ones too
# R5034-3, R5034-12
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + VXNlcm5hbWU6
E: AUTH challenge Username:
C: YW5u
S: + UGFzc3dvcmQ6
E: AUTH challenge Password:
C: c2VjcmV0
S: +\x20
E: AUTH challenge\x20
C:
S: +
E: AUTH challenge\x20
C:
S: + AAE=
E: AUTH challenge \0\x01
C: AP8A
S: +OK
E: AUTH ok
C: NOOP
S: +OK
E: NOOP ok

== client: a refusal, and another try
# R5034-11
S: +OK
E: GREETING ok
C: AUTH PLAIN AGFubgB3cm9uZw==
S: -ERR [AUTH] no
E: AUTH err [AUTH] no
C: AUTH PLAIN
S: + \x20
E: AUTH challenge: the server's challenge is no base64
C: *
S: -ERR cancelled
E: AUTH err cancelled
C: USER ann
S: +OK
E: USER ok

== client: it gives up
# R5034-4
S: +OK
E: GREETING ok
C: AUTH CRAM-MD5
S: + PDEuMkBwb3AudGVzdD4=
E: AUTH challenge <1.2@pop.test>
C: *
C~ NOOP
S: -ERR cancelled
E: AUTH err cancelled
C: QUIT
S: +OK
E: QUIT ok

== client: nothing else goes out while an exchange is under way
# R5034-4, R2449-18
S: +OK
E: GREETING ok
C: NOOP
C~ AUTH PLAIN
S: +OK
E: NOOP ok
C: AUTH LOGIN
C~ NOOP
C~ AUTH LOGIN
C~ QUIT
C~ RETR 1
S: + VXNlcm5hbWU6
E: AUTH challenge Username:
C: YW5u
C~ STLS
C~ USER ann
S: -ERR no
E: AUTH err no
C: NOOP
S: +OK
E: NOOP ok
C: STLS
C~ AUTH PLAIN
E: awaits 1

== client: AUTH before the greeting waits for it
C~ AUTH PLAIN
S: +OK
E: GREETING ok
C: AUTH PLAIN
E: awaits 1

== client: a challenge that is no base64 can only be given up
# R5034-6
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + VXNlcm5hbWU6!
E: AUTH challenge: the server's challenge is no base64
C! YW5u
C: *
S: -ERR
E: AUTH err
C: AUTH LOGIN
S: + VXNlcm5hbWU
E: AUTH challenge: the server's challenge is no base64
C: *
S: -ERR
E: AUTH err
C: AUTH LOGIN
S: + VXN=cm5hbWU6
E: AUTH challenge: the server's challenge is no base64
C: *
S: -ERR
E: AUTH err
C: AUTH LOGIN
S: + VXNlcm5hbWV=
E: AUTH challenge: the server's challenge is no base64
C: *
S: -ERR
E: AUTH err
C: AUTH LOGIN
S: + =
E: AUTH challenge: the server's challenge is no base64
C: *
S: -ERR
E: AUTH err
C: AUTH LOGIN
S: + Username:
E: AUTH challenge: the server's challenge is no base64
C: *
S: +OK
E: AUTH ok

== client: a challenge after the end of it
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + VXNlcm5hbWU6
E: AUTH challenge Username:
C: *
S: + UGFzc3dvcmQ6
E: broken: the server goes on with a login that was cancelled

== client: a server that does not wait for the answer
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + VXNlcm5hbWU6
S: + UGFzc3dvcmQ6
E: AUTH challenge Username:
E: broken: the server does not wait for the answer to its challenge

== client: nor for the end of it
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + VXNlcm5hbWU6
S: +OK
E: AUTH challenge Username:
E: broken: the server does not wait for the answer to its challenge

== client: a challenge without AUTH
S: +OK
E: GREETING ok
C: NOOP
S: + VXNlcm5hbWU6
E: broken: the answer is neither +OK nor -ERR

== client: what is neither a challenge nor an answer
S: +OK
E: GREETING ok
C: AUTH PLAIN
S: +VXNlcm5hbWU6
E: broken: the answer is neither +OK nor -ERR

== client: a challenge as long as there may be
# R5034-10: far beyond the lines of commands
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + \{3070*QUFB}
E: AUTH challenge \{3070*AAA}
C: \{3071*QUFB}
S: +OK
E: AUTH ok
C: NOOP
S: +OK
E: NOOP ok

== client: and one that is longer
# R5034-10
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: + \{5000*QUFB}
E: broken: the server sends a line that is too long

== client: a response that no line can carry
# R5034-10
S: +OK
E: GREETING ok
C: AUTH LOGIN
S: +\x20
E: AUTH challenge\x20
C! \{3072*QUFB}
C: *
S: -ERR
E: AUTH err

== client: an answer does not become longer by coming after AUTH
# R1939-10
S: +OK
E: GREETING ok
C: AUTH PLAIN
S: -ERR \{1100*x}
E: broken: the server sends a line that is too long

== client: nor do lines that come after it
# R1939-10
S: +OK
E: GREETING ok
C: AUTH PLAIN
S: +OK
E: AUTH ok
C: CAPA
S: +OK
S: \{1100*x}
E: CAPA ok+
E: broken: the server sends a line that is too long

== client: the first message fits into 255 octets, or it does not go along
# R5034-9
S: +OK
E: GREETING ok
C: AUTH SEVENxx \{60*QUFB}
S: -ERR no
E: AUTH err no
C! AUTH EIGHTxxx \{60*QUFB}
C! AUTH PLAIN \{61*QUFB}
C! AUTH PL\0AIN
C! AUTH \{249*x}
C: AUTH \{248*x}
E: awaits 1
