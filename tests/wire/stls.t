== server: STLS is announced and answered where it works, and the handshake comes next
# R2595-1, R2595-2
stls: yes
S: +OK pop.test POP3 server ready
C: CAPA
S: +OK ...
S: TOP
S: UIDL
S: USER
S: STLS
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
C: stls
S: +OK begin TLS now
S! handshake

== server: STLS takes no argument
# R2595-2
stls: yes
S: +OK pop.test POP3 server ready
C: STLS now
S: -ERR this command takes no argument
C: STLS\x20
S: -ERR this command takes no argument
C: QUIT
S: +OK goodbye
S! close

== server: STLS is neither announced nor accepted without a certificate, or inside TLS
# R2595-1, R2595-2, R8314-8
S: +OK pop.test POP3 server ready
C: CAPA
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
C: STLS
S: -ERR STLS is not available here, or TLS is active
C: QUIT
S: +OK goodbye
S! close

== server: after the login STLS is over
# R2595-2, R2595-10
stls: yes
login: yes
C: STLS
S: -ERR you are logged in already
C: CAPA
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
C: QUIT
S: +OK goodbye
S! close

== server: where no password is taken in plain text, the way is told
# R2595-7, R5034-14
stls: yes
user-allowed: no
S: +OK pop.test POP3 server ready
C: USER ann
S: -ERR a password is taken over TLS only: STLS comes first
C: PASS secret
S: -ERR USER comes first
C: QUIT
S: +OK goodbye
S! close
