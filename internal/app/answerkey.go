package app

import "github.com/orderbell/orderbell/internal/delivery/sign"

// CheckAnswerKey tells whether a text can verify answers. An error continues a sentence
// about the text, and repeats nothing of it.
func CheckAnswerKey(text string) error {
	_, err := sign.ReadAnswerKey(text)
	return err
}
