// Package channels imitates two payment channels that are asked what became of a trade:
// Alipay's gateway with alipay.trade.query, and WeChat Pay's API v3 with the query by
// out_trade_no. They are real HTTP handlers, for tests and for the demo:
//
//	alipay, err := channels.NewAlipay("2026000100000001")
//	server := httptest.NewServer(alipay)
//	alipay.Script("T1", channels.NotExist, "WAIT_BUYER_PAY", "TRADE_SUCCESS")
//	… ask server.URL, with the secret alipay.Secret() and the answer key alipay.AnswerKey() …
//	alipay.Questions("T1")
//
// A trade goes through the states of its script, one for each question, and stays in the
// last. The script of "" is of every trade that has none; without it, such a trade does
// not exist.
//
// # What is as in the real ones
//
//   - What is signed and how, in both directions, and what refuses a request: another
//     account or serial, a signature that is wrong or missing, a time that is none; for
//     WeChat Pay also a time 5 minutes away, or a request without Accept or User-Agent. The
//     channels' own and third-party SDKs can ask them (a test does).
//   - The form of answers: Alipay's are status 200 with the error in the body; WeChat Pay's
//     have the status 401, 400 or 404. A trade that is not there is ACQ.TRADE_NOT_EXIST or
//     ORDER_NOT_EXIST, and the answer is signed; a request that is refused gets an answer
//     that is not.
//   - WeChat Pay's tests with wrong signatures: [WeChatPay.SignTests].
//
// # What is not
//
//   - There is no other method, no encryption of contents, no certificates, no limits on
//     rates, no GBK. An answer has the fields that tell of a trade's state, and few others.
//   - States come from the script alone: time closes no trade. Their names are not checked.
//   - The real ones may sign some of the errors that are unsigned here.
//
// # Decisions
//
//   - A package of its own, that imports nothing of ours and signs by its own code: what
//     proves both sides against each other must not share their mistakes. Rejected: scripts
//     of merchanttest, which the demo cannot import.
//   - Each makes the keys of both sides, as WeChat Pay gives merchants theirs. Rejected:
//     fixed keys, which somebody would use.
//   - Only questions whose signature is good are counted for their trade and move its
//     script: a question that was refused has learnt nothing.
package channels
