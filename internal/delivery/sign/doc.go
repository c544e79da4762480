// Package sign signs requests in the forms that merchants know, so that they verify
// them with the library or SDK that they already have. It is pure: no clock, no
// network, and no randomness but nonces and fresh secrets.
//
//	scheme.go            which schemes there are, and what is common to them
//	message.go           what is signed, and what comes of it
//	key.go, rsa.go       secrets are read, once for many signatures
//	standardwebhooks.go  hmac.go  alipay.go  wechatpay.go
//	alipaygateway.go  wechatpayrequest.go      questions to payment channels
//	answer.go            what proves that an answer is the channel's
//
// A scheme is read by [Parse] from a policy or an endpoint:
//
//	scheme              what is signed                        what carries it            keys that sign
//	none                nothing                                                          none
//	standard-webhooks   id.timestamp.body                     webhook-id, -timestamp,    all
//	                                                          -signature
//	alipay-rsa2         the form's fields, sorted by name     sign, sign_type            the oldest
//	wechatpay-v3        timestamp, nonce and body, by lines   Wechatpay-* headers        the oldest
//	hmac-sha256[:Name]  the body                              Orderbell-Signature or     the oldest
//	                                                          Name, in lower-case hex
//	alipay-gateway      the form's fields, sorted by name     sign, sign_type            the oldest
//	wechatpay-request   method, path and query, timestamp,    Authorization              the oldest
//	                    nonce and body, by lines
//
//	scheme              a secret is                                      method and format
//	standard-webhooks   whsec_ and base64 of 24 to 64 bytes: v1;         any, body or form
//	                    whsk_ and base64 of an ed25519 key: v1a
//	alipay-rsa2         an RSA key of 2048 to 8192 bits, PEM or base64   POST, form
//	wechatpay-v3        JSON: private_key (as above), serial,            POST, body
//	                    api_v3_key (32 bytes)
//	hmac-sha256[:Name]  text of 16 bytes or more                         any, body or form
//	alipay-gateway      as alipay-rsa2: the application's private key    POST, form
//	wechatpay-request   JSON: private_key (as above), serial and mchid   GET, query; or POST, body
//	                    that WeChat Pay gave
//
// alipay-rsa2 adds to the form notify_id and version where the row has none, and
// charset, notify_time, sign_type and sign. wechatpay-v3 puts the body, any text, into
// an envelope, encrypted with AES-256-GCM under the API v3 key; event_type and summary
// are the notification's event, original_type and associated_data its part before the
// first dot, in lower case, as in WeChat Pay's own events. alipay-gateway adds version
// where the row has none, and charset, timestamp, sign_type and sign; what is asked, such
// as app_id, method and biz_content, is the row's. wechatpay-request also sets Accept.
//
// The last two verify answers as well, with an [AnswerKey]: the channel's public key or
// certificate. Alipay's sign covers one member, *_response, as it is written; WeChat Pay's
// headers cover timestamp, nonce and body, and the timestamp must be within 5 minutes of
// the attempt.
//
// Sources: Standard Webhooks 1.0.0; Alipay's documents on asynchronous notifications
// and RSA2, and on requests to its gateway; WeChat Pay's on callbacks of API v3, their
// signature and their encryption, and on the signatures of requests and answers;
// RFC 2104 (HMAC), RFC 8032 (ed25519), RFC 8017 (RSASSA-PKCS1-v1_5), NIST SP 800-38D
// (GCM).
//
// # What signing costs
//
// For 500 bytes, the least of 6 runs on two cores that had other work too, by
//
//	go test -run '^$' -bench Sign -count 6 ./internal/delivery/sign
//
//	                                 µs    KB   allocations
//	hmac-sha256                     0.6   0.2     3
//	standard-webhooks v1            0.8   0.3     4
//	standard-webhooks v1, two keys  1.5   0.4     4
//	standard-webhooks v1a            39   0.9     5
//	wechatpay-v3                   1100   7.3    21
//	alipay-rsa2                    1170    12    79
//
// alipay-gateway and wechatpay-request cost what RSA costs, as the two above; to verify
// Alipay's answer costs 50 µs (-bench Verify).
//
// A delivery takes 25 µs of the courier. So HMAC adds 2 to 3 percent to it, ed25519
// more than doubles it, and RSA of 2048 bits leaves a core 900 requests a second.
//
// # Decisions
//
//   - The zero Scheme is no scheme and refuses to sign. Only the word none sends
//     requests unsigned, so nothing that was forgotten does.
//   - Errors that wrap [ErrBody] are the row's: it can never be sent. All others are
//     ours (a key, a policy), and its rows have to wait.
//   - [Scheme.Fits] tells of a policy that cannot be signed before any row does. The
//     format query has everything in the URL and an empty body, which signatures of the
//     body do not cover: refused. Rejected: signing the empty body, which would look
//     like protection; signing the URL as well, which no verifier expects.
//   - Schemes with room for one signature sign with the oldest key that is valid: the
//     merchant has the whole overlap of a rotation to install the new one. Rejected:
//     the newest, which fails for every merchant until it has acted.
//   - Both keys of a rotation sign standard-webhooks, whichever kind they are, so that
//     HMAC can be exchanged for ed25519.
//   - hmac-sha256 covers neither time nor id. It is for receivers that know nothing
//     else; standard-webhooks is what to choose freely.
//   - whsk_ takes 64 bytes, seed and public key, and the seed's 32 alone. The
//     specification says "standard ed25519 key pair"; senders in use write 64, and the
//     reference libraries have no v1a. A pair whose halves do not belong together is
//     refused: its public key verifies nothing.
//   - An ID with a dot is refused in standard-webhooks: with one, two requests could
//     have the same signed text.
//   - Alipay's signed text has no escapes. Names with & or = are therefore refused.
//     Values may have them, as in Alipay's own notifications.
//   - SDKs for Alipay do not agree on empty fields, on whitespace around values and on
//     fields that come twice. Empty ones are left out, whitespace is cut off, and what
//     comes twice is refused. They also differ in the order of two fields whose names
//     differ in digits, dots or hyphens at the end (item, item1): we sort names, as
//     Alipay says, and some sort name=value. This cannot be mended here.
//   - Some SDKs verify the URL's query along with the form. As with Alipay, a URL that
//     is notified should have none.
//   - A row's own notify_id and version stay. Its charset, notify_time, sign, sign_type
//     and alipay_cert_sn do not: they would be false.
//   - WeChat Pay's nonce for AES-GCM has 12 characters: here 72 random bits in base64.
//     After 10^9 requests under one key, two of them share a nonce with a chance of 1
//     in 10^4. Rejected: letters of one case and digits, which have 62 bits.
//   - wechatpay-v3 never sends the wrong signatures that WeChat Pay sends now and then
//     as a test. Whoever wants to know whether a merchant verifies has to probe it.
//   - Secrets have to be in the spelling that receivers can read too: base64 of the
//     standard alphabet, padded, on one line; text without whitespace around it.
//   - [Scheme.Generate] has no reader of random bytes as a parameter: Go ignores it for
//     RSA, and a secret should have one source.
//   - Rules see of Alipay's answer the member that is signed, and no other: what else stands
//     in it may be anybody's. Members that are not known are no fault, since channels may
//     add some. Names that come twice are: two readers could choose differently.
//   - An answer key may hold several keys, so that a channel can change its own; of
//     certificates the one with the answer's serial counts. Their dates and issuers are not
//     looked at: an operator has said that this is the channel's. Rejected: fetching the
//     channel's certificates, which needs another secret and another request.
//   - An old answer about another trade has a good signature too: Alipay's has no time in
//     it. TLS is what keeps one from being put in our way, and hooks should compare the
//     answer's out_trade_no with their order's.
//   - wechatpay-request generates no secret: WeChat Pay gives the serial and the mchid.
//   - A hash is used again by way of a pool for each key, since one that was reset has
//     hashed the key already.
package sign
