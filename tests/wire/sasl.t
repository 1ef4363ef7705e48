== server: the mechanisms are announced in both states
# R5034-2
mechanisms: SCRAM-SHA-256 PLAIN
S: +OK pop.test POP3 server ready
C: CAPA
S: +OK ...
S: TOP
S: UIDL
S: USER
S: SASL SCRAM-SHA-256 PLAIN
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
C: AUTH
S: +OK these mechanisms
S: SCRAM-SHA-256
S: PLAIN
S: .
C: AUTH PLAIN c2VjcmV0
S: +OK logged in, 0 messages (0 octets)
C: CAPA
S: +OK ...
S: TOP
S: UIDL
S: USER
S: SASL SCRAM-SHA-256 PLAIN
S: PIPELINING
S: RESP-CODES
S: AUTH-RESP-CODE
S: EXPIRE NEVER
S: IMPLEMENTATION restante
S: .
C: AUTH PLAIN c2VjcmV0
S: -ERR you are logged in already
C: AUTH
S: -ERR you are logged in already
C: QUIT
S: +OK goodbye
S! close

== server: a mechanism in any case, and those that are not there
# R5034-1
mechanisms: PLAIN
S: +OK pop.test POP3 server ready
C: AUTH LOGIN
S: -ERR this mechanism is not available here
C: AUTH PLAI
S: -ERR this mechanism is not available here
C: AUTH PLAINX
S: -ERR this mechanism is not available here
C: AUTH  PLAIN
S: -ERR an argument is missing
C: AUTH PLAIN c2VjcmV0 x
S: -ERR too many arguments, or a blank too many
C: auth plain c2VjcmV0
S: +OK logged in, 0 messages (0 octets)

== server: without mechanisms nothing is offered
S: +OK pop.test POP3 server ready
C: AUTH
S: +OK these mechanisms
S: .
C: AUTH PLAIN
S: -ERR this mechanism is not available here
C: QUIT
S: +OK goodbye
S! close

== server: challenges and responses
# R5034-3, R5034-7, R5034-12: an empty challenge is "+" and a blank; "=" is an empty initial response
mechanisms: PLAIN X-ECHO
S: +OK pop.test POP3 server ready
C: AUTH X-ECHO
S: +\x20
C: b25l
S: + b25l
C: YQ==
S: + YQ==
C:
S: +\x20
C: c2VjcmV0
S: +OK logged in, 0 messages (0 octets)
C: STAT
S: +OK 0 0

== server: an empty initial response
# R5034-7
mechanisms: X-ECHO
S: +OK pop.test POP3 server ready
C: AUTH X-ECHO =
S: +\x20
C: d3Jvbmc=
S: -ERR [AUTH] user name or password is wrong
C: AUTH X-ECHO bWFsZm9ybWVk
S: -ERR this is not how the mechanism works
C: QUIT
S: +OK goodbye
S! close

== server: the client gives up
# R5034-4, R5034-11: as if AUTH had not been issued
mechanisms: X-ECHO
S: +OK pop.test POP3 server ready
C: USER ann
S: +OK now the password, with PASS
C: AUTH X-ECHO
S: +\x20
C: *
S: -ERR cancelled
S! sasl ended
C: PASS secret
S: -ERR USER comes first
C: QUIT
S: +OK goodbye
S! close

== server: what is no base64 is refused, each way
# R5034-5
mechanisms: X-ECHO
S: +OK pop.test POP3 server ready
C: AUTH X-ECHO c2VjcmV0x
S: -ERR the initial response is no base64
C: AUTH X-ECHO c2Vj!mV0
S: -ERR the initial response is no base64
C: AUTH X-ECHO c2VjcmV
S: -ERR the initial response is no base64
C: AUTH X-ECHO =c2Vjcm0
S: -ERR the initial response is no base64
C: AUTH X-ECHO c2V=cmV0
S: -ERR the initial response is no base64
C: AUTH X-ECHO c2Vjcm==
S: -ERR the initial response is no base64
C: AUTH X-ECHO c2VjcmV0====
S: -ERR the initial response is no base64
C: AUTH X-ECHO ====
S: -ERR the initial response is no base64
C: AUTH X-ECHO c2VjcmX=
S: -ERR the initial response is no base64
C: AUTH X-ECHO ==
S: -ERR the initial response is no base64
C: AUTH X-ECHO
S: +\x20
C: c2VjcmV0x
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: c2Vj\0mV0
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: c2Vj\xffmV0
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: =
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: c2Vj mV0
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: * 
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: c2V=cmV0
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: cg=
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: cg=====
S: -ERR the response is no base64
S! sasl ended
C: AUTH X-ECHO
S: +\x20
C: ch==
S: -ERR the response is no base64
S! sasl ended
C: QUIT
S: +OK goodbye
S! close

== server: a response that is too long ends the exchange, and is no command
# R5034-10, R2449-6
mechanisms: X-ECHO
S: +OK pop.test POP3 server ready
C: AUTH X-ECHO
S: +\x20
C: QUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUITQUIT
S: -ERR the response is too long
S! sasl ended
C: NOOP
S: -ERR log in first, with USER and PASS
C: QUIT
S: +OK goodbye
S! close

== server: commands are no responses
mechanisms: X-ECHO
S: +OK pop.test POP3 server ready
C: AUTH X-ECHO
S: +\x20
C: QUIT
S: + QUIT
C: NOOP
S: + NOOP
C: *
S: -ERR cancelled
S! sasl ended
C: QUIT
S: +OK goodbye
S! close
