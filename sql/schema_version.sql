/* orderbell:schema_version */
-- The version of the schema; fails where there is none.
-- Called at the start of every command that needs the schema. Index: none. Locks: none.
select orderbell.schema_version()
