== client: STLS, the handshake, and everything once more
# R2595-3, R2595-5
S: +OK
E: GREETING ok
C: CAPA
S: +OK
S: STLS
S: X-BEFORE
S: .
E: CAPA ok+
E: CAPA item STLS
E: CAPA item X-BEFORE
E: CAPA end: STLS
C: STLS
S: +OK begin
E: STLS ok begin
C! handshake
C: CAPA
S: +OK
S: USER
S: .
E: CAPA ok+
E: CAPA item USER
E: CAPA end: USER
C: USER ann
S: +OK
E: USER ok

== client: nothing goes out between STLS and the end of the handshake
# R2595-3
S: +OK
E: GREETING ok
C: NOOP
C: STLS
C~ CAPA
C~ USER ann
C~ STLS
C~ RETR 1
S: +OK
E: NOOP ok
C~ PASS secret
S: +OK
E: STLS ok
C~ CAPA
C~ USER ann
C~ DELE 1
C! handshake
C: USER ann
E: awaits 1

== client: refused STLS leaves the session as it was
# R2595-8: whether it goes on is its owner's to say
S: +OK
E: GREETING ok
C: STLS
C~ NOOP
S: -ERR [SYS/TEMP] not now
E: STLS err [SYS/TEMP] not now
C: NOOP
S: +OK
E: NOOP ok
C: STLS
S: +OK
E: STLS ok

== client: an octet behind the answer to STLS ends it
# R2595-3
S: +OK
E: GREETING ok
C: STLS
S: +OK
S- x
E: STLS ok
E: broken: plain text came behind the answer to STLS: somebody may have put it there

== client: so does a whole answer for a command that comes later
# R2595-3
S: +OK
E: GREETING ok
C: STLS
S: +OK
S: +OK
S: .
E: STLS ok
E: broken: plain text came behind the answer to STLS: somebody may have put it there

== client: an answer to STLS that was not asked for
S: +OK
E: GREETING ok
S: +OK begin TLS now
E: broken: the server speaks without having been asked
