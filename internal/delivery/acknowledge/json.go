package acknowledge

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// document returns the function json(path) of one body. The body is parsed when
// it is first asked for, and once.
func document(body string) func(path string) any {
	var (
		root   any
		parsed bool
	)
	return func(path string) any {
		if !parsed {
			root, parsed = parse(body), true
		}
		return plain(lookUp(root, path))
	}
}

// parse returns the body's value, or nil if it is not one JSON value.
func parse(body string) any {
	dec := json.NewDecoder(strings.NewReader(trim(body)))
	dec.UseNumber()
	var root any
	if dec.Decode(&root) != nil {
		return nil
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil
	}
	return root
}

func lookUp(v any, path string) any {
	if path == "" {
		return v
	}
	for segment := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[segment]
		case []any:
			i, err := strconv.ParseUint(segment, 10, 31)
			if err != nil || int(i) >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// plain turns numbers into int where they are whole and fit, else into float64,
// so that rules can compare them.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.Atoi(v.String()); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case []any:
		all := make([]any, len(v))
		for i := range v {
			all[i] = plain(v[i])
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(v))
		for k := range v {
			all[k] = plain(v[k])
		}
		return all
	}
	return v
}
