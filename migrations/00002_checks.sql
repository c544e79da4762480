-- What a row must look like. A fault function returns a sentence, or null where
-- all is well, and never raises: a malformed notification ends rejected and the
-- order that wrote it commits. What operators write is refused at once instead.

-- +goose Up
-- +goose StatementBegin
create function orderbell.is_ipv6(address text) returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return family(address::inet) = 6;
exception when others then
  return false;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Only the syntax: addresses are judged at the dial, after resolution. Stricter
-- than Go's parser, so that whatever passes here can be sent.
create function orderbell.url_fault(url text) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  authority text;
  port text;
begin
  if url is null then
    return null;
  elsif octet_length(url) > 4096 then
    return 'url is longer than 4096 bytes';
  elsif url !~* '^https?://' then
    return 'url does not begin with http:// or https://';
  elsif url ~ '[[:cntrl:][:space:]]' then
    return 'url contains white space or a control character';
  elsif url ~ '%(?![0-9A-Fa-f]{2})' then
    return 'url contains a % that no two hexadecimal digits follow';
  end if;
  authority := substring(url from '^[A-Za-z]+://([^/?#]*)');
  if position('@' in authority) > 0 then
    return 'url contains user information';
  elsif authority !~ '^(\[[0-9A-Fa-f:.]+\]|([A-Za-z0-9._-]|[^\x01-\x7f])+)(:[0-9]{1,5})?$' then
    return 'url has no valid host';
  elsif authority ~ '^\[' and not orderbell.is_ipv6(substring(authority from '^\[(.*)\]')) then
    return 'url has no valid host';
  end if;
  port := substring(authority from ':([0-9]+)$');
  if port::integer not between 1 and 65535 then
    return 'url has a port outside 1 to 65535';
  end if;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function orderbell.headers_fault(headers jsonb) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  header record;
begin
  if headers = '{}' then
    return null;
  elsif jsonb_typeof(headers) <> 'object' then
    return 'headers is no JSON object';
  elsif octet_length(headers::text) > 8192 then
    return 'headers is longer than 8192 bytes';
  end if;
  for header in select key, jsonb_typeof(value) as type, value #>> '{}' as value from jsonb_each(headers) loop
    if header.key !~ '^[A-Za-z0-9!#$%&''*+.^_`|~-]+$' then
      return format('headers: %s is no header name', to_json(header.key));
    elsif lower(header.key) ~ '^(orderbell-.*|host|content-length|content-type|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|user-agent|accept-encoding|proxy-.*)$' then
      return format('headers: %s is not yours to set', header.key);
    elsif header.type <> 'string' then
      return format('headers: the value of %s is no string', header.key);
    elsif header.value ~ '[[:cntrl:]]' then
      return format('headers: the value of %s contains a control character', header.key);
    end if;
  end loop;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- json, not jsonb: jsonb refuses \u0000, and would lose the order of members.
create function orderbell.is_json_object(body text) returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return json_typeof(body::json) = 'object';
exception when others then
  return false;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Called for each new row by the notification's trigger.
create function orderbell.notification_fault(
  body text, max_body_bytes integer, format text, url text, content_type text, headers jsonb,
  dedupe_key text, deliver_at timestamptz
) returns text
language plpgsql stable
set search_path = pg_catalog, orderbell, pg_temp
as $$
begin
  if octet_length(body) > max_body_bytes then
    return pg_catalog.format('body is longer than %s bytes', max_body_bytes);
  elsif format <> 'body' and not orderbell.is_json_object(body) then
    return pg_catalog.format('body is no JSON object, which the format %s needs', format);
  elsif octet_length(content_type) > 200 or content_type !~ '^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( *;[ -~]*)?$' then
    return 'content_type is no media type';
  elsif octet_length(dedupe_key) > 1024 then
    return 'dedupe_key is longer than 1024 bytes';
  elsif deliver_at > clock_timestamp() + interval '10 years' then
    return 'deliver_at is more than ten years ahead';
  end if;
  return coalesce(orderbell.url_fault(url), orderbell.headers_fault(headers));
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function orderbell.ladder_fault(ladder interval[]) returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if array_ndims(ladder) > 1 then
    return 'ladder is no plain list of intervals';
  elsif cardinality(ladder) > 100 then
    return 'ladder has more than 100 rungs';
  elsif array_position(ladder, null) is not null then
    return 'ladder contains a null';
  elsif interval '0' >= any (ladder) or interval '1 year' < any (ladder) then
    return 'ladder contains a rung outside 0 (excluded) to 1 year';
  end if;
  return null;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function orderbell.check_policy() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := orderbell.ladder_fault(new.ladder);
begin
  if fault is not null then
    raise check_violation using message = format('policy %s: %s', new.name, fault);
  elsif new.signature <> 'none' then
    raise feature_not_supported using
      message = format('policy %s: signature %s is not in this release', new.name, new.signature),
      hint = 'The only signature scheme so far is none.';
  end if;
  if tg_op = 'UPDATE' and (new.acknowledge, new.reject) is distinct from (old.acknowledge, old.reject) then
    new.fault := null; -- workers look again, and say if it is still there
  end if;
  return new;
end
$$;
-- +goose StatementEnd
create trigger policy_checked before insert or update on orderbell.policy
  for each row execute function orderbell.check_policy();

-- +goose StatementBegin
create function orderbell.check_endpoint() returns trigger
language plpgsql
set search_path = pg_catalog, orderbell, pg_temp
as $$
declare
  fault text := coalesce(orderbell.url_fault(new.url), orderbell.headers_fault(new.headers));
  absent text := case
    when new.url like 'sql:%' then 'an action (sql:)'
    when new.max_in_flight is not null then 'max_in_flight'
    when new.rate_per_second is not null then 'rate_per_second'
    when new.on_head_exhausted <> 'skip' then 'on_head_exhausted'
    when new.paused_at is not null then 'a pause'
  end;
begin
  if absent is not null then
    raise feature_not_supported using
      message = format('endpoint %s: %s is not in this release', new.id, absent);
  elsif fault is not null then
    raise check_violation using message = format('endpoint %s: %s', new.id, fault);
  end if;
  return new;
end
$$;
-- +goose StatementEnd
create trigger endpoint_checked before insert or update on orderbell.endpoint
  for each row execute function orderbell.check_endpoint();

-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 2;
-- +goose StatementEnd

-- +goose Down
drop trigger endpoint_checked on orderbell.endpoint;
drop trigger policy_checked on orderbell.policy;
drop function orderbell.check_endpoint();
drop function orderbell.check_policy();
drop function orderbell.ladder_fault(interval[]);
drop function orderbell.notification_fault(text, integer, text, text, text, jsonb, text, timestamptz);
drop function orderbell.is_json_object(text);
drop function orderbell.headers_fault(jsonb);
drop function orderbell.url_fault(text);
drop function orderbell.is_ipv6(text);
-- +goose StatementBegin
create or replace function orderbell.schema_version() returns integer
language sql immutable parallel safe return 1;
-- +goose StatementEnd
