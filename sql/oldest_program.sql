/* orderbell:oldest_program */
-- The schema version whose programs are the oldest that work with a newer schema.
-- Called at the start, where the schema is newer than the program.
-- Index: none. Locks: none.
select orderbell.oldest_program()
