package postgres

import "github.com/jackc/pgx/v5"

// Pinned is a connection's configuration with the settings of the program.
func Pinned(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	pin(config, "test")
	return config, nil
}
