// Package secret keeps what must not be known: the secrets that requests are signed
// with lie in the database sealed, and what was opened does not get into a text by
// accident.
//
//	keyring.go   master keys, and how they are read
//	box.go       sealing and opening
//	errors.go    why something was not sealed or opened
//	text.go      a secret that cannot be printed
//
// A sealed secret is 12 bytes of nonce, then AES-256-GCM's ciphertext and tag (NIST SP
// 800-38D): 28 bytes more than the secret. Its associated data are the words
// "orderbell secret 1", the endpoint's id after its length in 4 bytes, and the version
// in 8 bytes, all big-endian. Whoever may write to the table therefore cannot give one
// endpoint the secret of another, nor bring back an old one under a new version.
//
// # Decisions
//
//   - A master key is known by an id, the first 8 hex digits of its SHA-256, so that a
//     row tells which key opens it, and a key can be retired once no row names it.
//     Rejected: trying all keys, which cannot tell a missing key from a changed row;
//     names that people choose, which two machines would give to different keys.
//   - Exactly 32 random bytes in base64. Rejected: passphrases, which would need a slow
//     derivation and would be chosen badly. A key of one byte repeated is refused: it
//     is a placeholder. Line breaks and commas separate keys, so that the same text
//     serves a variable and a file.
//   - The first key seals, all of them open: a new key is put in front, rows are sealed
//     anew, and the old key is taken out.
//   - A key that is there twice is refused. Most likely one of the two was meant to be
//     another.
//   - Nonces are random. A key may seal 2^32 times, and one secret is sealed for each
//     rotation.
//   - Errors name endpoint, version and the key's id. Never a part of a secret or of
//     what could not be read as a key, for it may be one that was mistyped.
//   - A [Text] holds a pointer: fmt prints unexported fields without asking their
//     methods, and of a pointer that lies inside something it prints the address.
//     Rejected: type Text string, which `%v` of a struct with such a field prints.
package secret
