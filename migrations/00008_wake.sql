-- Operators may say how workers are woken: orderbell wake bell|poll.

-- +goose Up
-- +goose StatementBegin
do $$
begin
  if to_regrole('orderbell_operator') is not null then
    grant update (wake) on orderbell.setting to orderbell_operator;
  end if;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 8;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
begin
  if to_regrole('orderbell_operator') is not null then
    revoke update (wake) on orderbell.setting from orderbell_operator;
  end if;
end
$$;
-- +goose StatementEnd
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 7;
-- +goose StatementEnd
