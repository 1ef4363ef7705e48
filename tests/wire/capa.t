== server: the same capabilities in both states
# R1957-1, R2449-1, R2449-2, R2449-8, R2449-15, R2449-20, R3206-1
C: CAPA
C: USER ann
C: PASS secret
C: capa
C: CAPA 1
C: CAPA\x20
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
S: IMPLEMENTATION restante
S: .
S: +OK ...
S: +OK logged in, 0 messages (0 octets)
S: +OK ...
S: TOP
S: UIDL
S: USER
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
S: -ERR this command takes no argument
S: -ERR this command takes no argument
S: +OK goodbye
S! close

== server: USER is announced exactly where it works
# R2449-8, R2449-2, R1939-23: APOP is the one way in here
user-allowed: no
timestamp: <1896.697170952@pop.test>
digest: c4c9334bac560ecc979e58001b3e22fb
C: CAPA
C: USER ann
C: PASS secret
C: APOP ann c4c9334bac560ecc979e58001b3e22fb
C: CAPA
S: +OK pop.test POP3 server ready <1896.697170952@pop.test>
S: +OK ...
S: TOP
S: UIDL
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
S: -ERR a password is not taken over this connection
S: -ERR USER comes first
S: +OK logged in, 0 messages (0 octets)
S: +OK ...
S: TOP
S: UIDL
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .

== server: CAPA between USER and PASS
# R1939-28: PASS comes right after USER or not at all
C: USER ann
C: CAPA
C: PASS secret
S: +OK ...
S: +OK now the password, with PASS
S: +OK ...
S: TOP
S: UIDL
S: USER
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
S: -ERR USER comes first

== server: the delay between logins is announced, and a login that comes too soon hears of it
# R2449-13
login-delay: 60
refuse: login-delay
C: CAPA
C: USER ann
C: PASS secret
C: QUIT
S: +OK ...
S: +OK ...
S: TOP
S: UIDL
S: USER
S: LOGIN-DELAY 60
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
S: +OK ...
S: -ERR [LOGIN-DELAY] ...
S: +OK goodbye
S! close
