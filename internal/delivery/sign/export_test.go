package sign

import "crypto/rsa"

// WechatPayWith signs with nonces that are known.
func (k *Key) WechatPayWith(m *Message, sealing, signing string) (Signed, error) {
	return k.signWechatPay(m, sealing, signing)
}

// WithRSA is the same key with another RSA key in it, however short.
func (k *Key) WithRSA(key *rsa.PrivateKey) *Key {
	other := *k
	other.rsa = key
	return &other
}

// AskWeChatPayWith signs a request with a nonce that is known.
func (k *Key) AskWeChatPayWith(m *Message, nonce string) (Signed, error) {
	return k.askWeChatPay(m, nonce)
}
