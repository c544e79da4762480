-- The policies that a fresh database has. Copy one under a new name rather than
-- changing it: its ladder is what merchants were told.

-- +goose Up
insert into orderbell.policy (name, ladder, acknowledge, reject, timeout, first_wait) values
  ('standard', '{15s,3m,10m,30m,30m,1h,2h,6h,15h}',
   'status == 200 && lower(trim(body)) == "success"', null, '10 s', '0'),
  ('alipay', '{4m,10m,10m,1h,2h,6h,15h}',
   'status == 200 && body == "success"', null, '10 s', '0'),
  ('wechatpay', '{15s,15s,30s,3m,10m,20m,30m,30m,30m,60m,3h,3h,3h,6h,6h}',
   'status in [200, 204]', null, '5 s', '0'),
  ('quick', '{3s,30s,60s,120s,180s,300s}',
   'status == 200 && lower(trim(body)) == "success"', null, '10 s', '0'),
  ('webhook', '{5s,5m,30m,2h,5h,10h,10h}',
   'status >= 200 && status < 300', 'status == 410', '15 s', '0'),
  -- A channel's own rule says which answers are final; until it is set, none is.
  ('question', '{30s,60s,3m,6m,10m}', 'false', null, '10 s', '30 s')
on conflict (name) do nothing;

-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 4;
-- +goose StatementEnd

-- +goose Down
-- The policies stay until their table goes: they may have been changed.
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 3;
-- +goose StatementEnd
