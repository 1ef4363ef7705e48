== client: capabilities in any case, known and not, with parameters
# R2449-1, R2449-3, R2449-21
S: +OK
E: GREETING ok
C: CAPA
S: +OK capabilities
S: TOP
S: uidl
S: User PLAIN
S: pipelining
S: RESP-CODES
S: auth-resp-code
S: STLS
S: LOGIN-DELAY 900 USER
S: SASL PLAIN SCRAM-SHA-256
S: EXPIRE 0 USER
S: X-TOP 1
S: TOPS
S:
S: IMPLEMENTATION Broken (TM) UIDL PIPELINING
S: .
E: CAPA ok+ capabilities
E: CAPA item TOP
E: CAPA item uidl
E: CAPA item User PLAIN
E: CAPA item pipelining
E: CAPA item RESP-CODES
E: CAPA item auth-resp-code
E: CAPA item STLS
E: CAPA item LOGIN-DELAY 900 USER
E: CAPA item SASL PLAIN SCRAM-SHA-256
E: CAPA item EXPIRE 0 USER
E: CAPA item X-TOP 1
E: CAPA item TOPS
E: CAPA item\x20
E: CAPA item IMPLEMENTATION Broken (TM) UIDL PIPELINING
E: CAPA end: TOP UIDL USER PIPELINING RESP-CODES AUTH-RESP-CODE STLS SASL LOGIN-DELAY 900

== client: what is not announced is not there
# R2449-21: the text of IMPLEMENTATION and longer words announce nothing
S: +OK
E: GREETING ok
C: CAPA
S: +OK
S: IMPLEMENTATION TOP UIDL PIPELINING
S: XTOP
S: PIPELINING-LATER
S: SASL USER
S: ..TOP
S: LOGIN-DELAY soon
S: .
E: CAPA ok+
E: CAPA item IMPLEMENTATION TOP UIDL PIPELINING
E: CAPA item XTOP
E: CAPA item PIPELINING-LATER
E: CAPA item SASL USER
E: CAPA item .TOP
E: CAPA item LOGIN-DELAY soon
E: CAPA end: SASL LOGIN-DELAY 0

== client: no CAPA, and the session goes on
# R2449-4, R2449-22, R1957-2
S: +OK
E: GREETING ok
C: CAPA
S: -ERR what?
E: CAPA err what?
C: USER ann
S: +OK
E: USER ok
C: PASS secret
S: +OK
E: PASS ok

== client: no UIDL and no TOP, and the session goes on
# R1939-50, R1957-2
S: +OK
E: GREETING ok
C: UIDL
C: TOP 1 0
C: RETR 1
S: -ERR unknown command
S: -ERR unknown command
S: +OK
S: a
S: .
E: UIDL err unknown command
E: TOP 1 err unknown command
E: RETR 1 ok+
E: RETR 1 text a\r\n
E: RETR 1 end

== client: an empty list of capabilities
S: +OK
E: GREETING ok
C: CAPA
S: +OK
S: .
E: CAPA ok+
E: CAPA end:
