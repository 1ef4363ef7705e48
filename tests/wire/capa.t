# R2449-1, R2449-2: the same capabilities in both states
C: CAPA
C: USER ann
C: PASS secret
C: CAPA
C: LIST
C: RETR 1
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
S: +OK 0 messages (0 octets)
S: .
S: -ERR no such message, the maildrop is empty
S: +OK goodbye
