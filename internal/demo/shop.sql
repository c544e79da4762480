-- A business of its own beside Orderbell: orders, payments, and the functions that hooks
-- and actions call. `orderbell demo` uses it; take from it what you need.
--
-- Whoever changes an order's state locks the order's row first, and looks at the state
-- after that. So a payment and the closing of the order cannot both win, in whatever
-- transactions they are.

create schema shop;

create table shop.orders (
  order_no   text        primary key,
  merchant   text        not null,           -- who is told, or asked
  cents      bigint      not null,
  created_at timestamptz not null default clock_timestamp(),
  state      text        not null default 'unpaid' check (state in ('unpaid', 'paid', 'closed')),
  paid_at    timestamptz,
  closed_at  timestamptz
);

create table shop.payments (
  channel   text        not null,
  trade_no  text        not null,            -- the channel's number: it may tell us twice
  order_no  text        not null references shop.orders,
  cents     bigint      not null,
  accepted  boolean     not null,            -- false: the order was closed, or paid already; to be given back
  at        timestamptz not null default clock_timestamp(),
  primary key (channel, trade_no)
);
create index payments_order on shop.payments (order_no);

-- What the functions below have done, a row for each call. It is written in the
-- transaction that settles the notification: a call that was rolled back is not here.
create table shop.journal (
  id       bigint      generated always as identity primary key,
  order_no text        not null,
  what     text        not null,
  says     text,
  at       timestamptz not null default clock_timestamp()
);
create index journal_order on shop.journal (order_no);

-- Locks an order until the transaction ends, and returns it as it is then.
create function shop.locked(order_no text) returns shop.orders
language plpgsql
set search_path = pg_catalog, shop, pg_temp
as $$
declare
  found_order shop.orders;
begin
  select * into found_order from shop.orders o where o.order_no = locked.order_no for update;
  if not found then
    raise no_data_found using message = format('there is no order %s', locked.order_no);
  end if;
  return found_order;
end
$$;
comment on function shop.locked is 'Locks an order''s row and returns it.';

-- Money has arrived: by the channel's own callback, or because we have asked. Returns
-- whether it pays the order; false: give it back. The same payment may be told of many
-- times.
create function shop.pay(order_no text, channel text, trade_no text, cents bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, shop, pg_temp
as $$
#variable_conflict use_column
declare
  o shop.orders := shop.locked(pay.order_no);
  known shop.payments;
begin
  select * into known from shop.payments p where p.channel = pay.channel and p.trade_no = pay.trade_no;
  if found and known.order_no <> o.order_no then
    raise check_violation using message = format('%s %s has paid order %s, not %s', channel, trade_no, known.order_no, o.order_no);
  elsif found then
    return known.accepted;
  elsif pay.cents is distinct from o.cents then
    raise check_violation using message = format('order %s costs %s, and %s cents were paid', o.order_no, o.cents, coalesce(pay.cents::text, 'no'));
  end if;
  insert into shop.payments (channel, trade_no, order_no, cents, accepted)
  values (pay.channel, pay.trade_no, o.order_no, pay.cents, o.state = 'unpaid');
  if o.state <> 'unpaid' then
    return false;
  end if;
  update shop.orders set state = 'paid', paid_at = clock_timestamp() where orders.order_no = o.order_no;
  return true;
end
$$;
comment on function shop.pay is 'Records a payment. Returns whether it pays the order; false: it came too late, and is to be given back.';

-- A hook, on_acknowledged of questions: the channel has given its final answer about the
-- order's trade, alipay.trade.query or WeChat Pay's query by out_trade_no. What it cannot
-- make sense of is an error: then the notification stays, says why, and the hook is called
-- again later.
create function shop.payment_final(order_no text, answer text) returns void
language plpgsql security definer
set search_path = pg_catalog, shop, pg_temp
as $$
#variable_conflict use_column
declare
  o      shop.orders := shop.locked(payment_final.order_no);
  told   jsonb := answer::jsonb;
  alipay jsonb := told -> 'alipay_trade_query_response';
  trade  text := coalesce(alipay ->> 'trade_status', told ->> 'trade_state');
  about  text := coalesce(alipay ->> 'out_trade_no', told ->> 'out_trade_no');
begin
  if about is distinct from o.order_no then
    raise check_violation using message = format('the answer is about %s, not about order %s', coalesce(about, 'nothing'), o.order_no);
  end if;
  if trade in ('TRADE_SUCCESS', 'TRADE_FINISHED') then
    perform shop.pay(o.order_no, 'alipay', alipay ->> 'trade_no', round((alipay ->> 'total_amount')::numeric * 100)::bigint);
  elsif trade in ('SUCCESS', 'REFUND') then -- it was paid, whatever was given back later
    perform shop.pay(o.order_no, 'wechatpay', told ->> 'transaction_id', (told -> 'amount' ->> 'total')::bigint);
  elsif trade in ('TRADE_CLOSED', 'CLOSED', 'REVOKED', 'PAYERROR') then
    update shop.orders set state = 'closed', closed_at = clock_timestamp() where orders.order_no = o.order_no and state = 'unpaid';
  else
    raise check_violation using message = format('%s is not final', coalesce(trade, 'an answer without a state'));
  end if;
  insert into shop.journal (order_no, what, says) values (o.order_no, 'payment_final', trade);
end
$$;
comment on function shop.payment_final is 'A hook: the channel has given its final answer about an order.';

-- A hook, on_exhausted of questions: nobody knows what became of the payment, and a person
-- must look.
create function shop.payment_unknown(order_no text, answer text) returns void
language sql security definer
set search_path = pg_catalog, shop, pg_temp
as $$
  insert into shop.journal (order_no, what, says) values (order_no, 'payment_unknown', answer)
$$;
comment on function shop.payment_unknown is 'A hook: the channel was asked to the end of the ladder, and has not said what became of the payment.';

-- An action: closes an order that is not paid when its time is over. It waits for a
-- payment that is being written. True: there is nothing more to do, also where the order
-- is paid.
create function shop.close_unpaid(order_no text, body text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, shop, pg_temp
as $$
#variable_conflict use_column
declare
  o shop.orders := shop.locked(close_unpaid.order_no);
begin
  if o.state = 'unpaid' then
    update shop.orders set state = 'closed', closed_at = clock_timestamp() where orders.order_no = o.order_no;
  end if;
  insert into shop.journal (order_no, what, says)
  values (o.order_no, 'close_unpaid', case o.state when 'unpaid' then 'closed' else 'was ' || o.state end);
  return true;
end
$$;
comment on function shop.close_unpaid is 'An action: closes an order that is unpaid.';

-- An action: reminds the user of an order that is still unpaid. Here it is a line of the
-- journal, from which somebody sends the letters.
create function shop.remind(order_no text, body text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, shop, pg_temp
as $$
#variable_conflict use_column
declare
  o shop.orders := shop.locked(remind.order_no);
begin
  if o.state = 'unpaid' then
    insert into shop.journal (order_no, what, says) values (o.order_no, 'remind', body);
  end if;
  return true;
end
$$;
comment on function shop.remind is 'An action: reminds the user of an unpaid order.';

-- Functions may be executed by everybody unless that is taken back. The worker calls them,
-- and operators register them (orderbell.hook, and endpoints with sql:schema.function).
-- They act with their owner's rights, so that nobody else needs any on the tables.
revoke all on all functions in schema shop from public;
do $$
declare
  caller text;
begin
  foreach caller in array array['orderbell_worker', 'orderbell_operator'] loop
    if to_regrole(caller) is not null then
      execute format('grant usage on schema shop to %I', caller);
      execute format('grant execute on function shop.payment_final, shop.payment_unknown, shop.close_unpaid, shop.remind to %I', caller);
    end if;
  end loop;
end
$$;
