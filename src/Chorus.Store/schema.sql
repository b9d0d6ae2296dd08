-- What stands beside Marten's tables: money, slots and keys, which are decided under a row lock; and the indexes of the
-- call list. Every statement can be run again. {schema} is the configured schema.

create table if not exists {schema}.organizations (
    id                   uuid primary key,
    name                 text not null,
    max_concurrent_calls integer not null check (max_concurrent_calls >= 0),
    currency             text not null,
    allowed_countries    text[] not null,
    rates                jsonb not null,
    balance              numeric not null default 0,
    held                 numeric not null default 0 check (held >= 0),
    active_calls         integer not null default 0 check (active_calls >= 0),
    postings             bigint not null default 0, -- how many lines its ledger has
    created_at           timestamptz not null,
    check (balance - held >= 0)
) with (fillfactor = 50); -- room for the counters to change in place

create table if not exists {schema}.api_keys (
    hash            bytea primary key, -- SHA-256 of the key; the key itself is nowhere
    id              uuid not null unique,
    organization_id uuid not null references {schema}.organizations (id),
    created_at      timestamptz not null,
    revoked_at      timestamptz
);

-- Postings. The sum of an organization's amounts is what it has available: a hold takes, a release gives back.
create table if not exists {schema}.ledger (
    id              bigint generated always as identity,
    organization_id uuid not null,
    kind            text not null check (kind in ('deposit', 'hold', 'release', 'charge')),
    amount          numeric not null,
    call_id         uuid,
    event_stream    uuid not null,
    event_type      text not null,
    reference       text,
    at              timestamptz not null,
    primary key (organization_id, id)
);
create unique index if not exists ledger_once_per_call on {schema}.ledger (call_id, kind) where call_id is not null;
create unique index if not exists ledger_once_per_reference on {schema}.ledger (organization_id, reference) where reference is not null;

-- Callees: the only place where a number stands as it is. Numbers and words of calls are sealed with the callee's key, so a
-- row that is deleted takes them along, from every backup too that leaves this table out.
create table if not exists {schema}.callees (
    number          text not null,
    organization_id uuid not null,
    id              uuid not null unique,
    key             bytea not null,
    primary key (number, organization_id)
);

-- Queues calls: takes a slot and sets money aside in their accounts, and writes callees, streams, first events, documents and holds.
-- What is presumed was not looked at under the accounts' locks. Nothing is written then, and the answer is false, if a call is there
-- already, or an account cannot bear its calls; or if a number that seemed new is known: then that comes with it. It fails if any of this
-- comes true meanwhile (a unique violation of the stream, CH003), or if a remembered callee is erased, or another has come (CH001): a
-- unique violation there would write the number into the server's log.
-- Accounts are locked late, for transactions of one organization wait for each other there until the flush of a commit; before the
-- holds, so that a ledger is in the order in which it came to be; and before the events, for a number of the log that is drawn and not
-- used holds up the relay. Who decides instead of presuming holds the account from the beginning, and would wait for a stream of one
-- who waits for the account: an advisory lock of the organization, shared by those who presume, keeps the two apart; among those who
-- presume, streams are written in one order.
-- Its plans are kept from when the tables were empty, so it is written to look up what is asked for, row by row, and nothing else: a join
-- would be planned to read the smaller table, which grows. A change of its parameters needs another name.
create or replace function {schema}.begin_calls(
    presumed boolean, accounts uuid[], slots integer[], sums numeric[],
    new_numbers text[], new_organizations uuid[], new_ids uuid[], new_keys bytea[],
    tenants text[], calls uuid[], callees uuid[], holds numeric[], created timestamptz[],
    events uuid[], facts jsonb[], traces text[], event_type text, event_class text,
    documents jsonb[], statuses text[], agents uuid[], phone_numbers uuid[], due timestamptz[], metadatas jsonb[], document_class text,
    out done boolean, out known_organizations uuid[], out known_numbers text[], out known_ids uuid[], out known_keys bytea[])
language plpgsql set plan_cache_mode = force_generic_plan set jit = off
    set enable_seqscan = off set enable_indexonlyscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as $$
declare
    bearing integer;
begin
    done := false;
    if presumed then
        perform pg_advisory_xact_lock_shared(uuid_hash_extended(r.i, 0)) from (select i from unnest(accounts) as a(i) order by i) r;
        if exists (select from unnest(tenants, calls) as r(t, i) where (select true from {schema}.mt_streams s where s.tenant_id = r.t and s.id = r.i)) then return; end if;
        if exists (select from unnest(accounts, slots, sums) as r(i, n, s) where (select true from {schema}.organizations a
            where a.id = r.i and a.active_calls + r.n <= a.max_concurrent_calls and a.balance - a.held >= r.s) is null) then return; end if;
        if cardinality(new_ids) > 0 then
            select array_agg(c.organization_id), array_agg(c.number), array_agg(c.id), array_agg(c.key) into known_organizations, known_numbers, known_ids, known_keys
                from unnest(new_numbers, new_organizations) as r(n, o), lateral (select * from {schema}.callees where number = r.n and organization_id = r.o offset 0) c;
            if known_ids is not null then return; end if;
        end if;
    end if;

    insert into {schema}.mt_streams (tenant_id, id, type, version) select t, i, 'call_document', 1 from unnest(tenants, calls) as r(t, i) order by i;
    insert into {schema}.mt_doc_calldocument (tenant_id, id, data, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at, metadata, mt_dotnet_type)
        select t, i, d, 1, s, at, a, p, c, u, m, document_class
        from unnest(tenants, calls, documents, statuses, created, agents, phone_numbers, begin_calls.callees, due, metadatas) as r(t, i, d, s, at, a, p, c, u, m);

    if cardinality(accounts) > 1 then
        perform from {schema}.organizations where id = any(accounts) order by id for update;
    end if;
    update {schema}.organizations a set held = a.held + r.s, active_calls = a.active_calls + r.n, postings = a.postings + r.n from unnest(accounts, slots, sums) as r(i, n, s)
        where a.id = any(accounts) and a.id = r.i and a.active_calls + r.n <= a.max_concurrent_calls and a.balance - a.held >= r.s;
    get diagnostics bearing = row_count;
    if bearing < cardinality(accounts) then
        raise exception 'an account cannot bear its calls' using errcode = 'CH003';
    end if;

    if cardinality(new_ids) > 0 then
        insert into {schema}.callees (number, organization_id, id, key)
            select n, o, i, k from unnest(new_numbers, new_organizations, new_ids, new_keys) as r(n, o, i, k) on conflict do nothing;
    end if;
    if exists (select from unnest(begin_calls.callees) as r(i) where (select true from {schema}.callees c where c.id = r.i) is null) then
        raise exception 'a number has another key' using errcode = 'CH001';
    end if;

    insert into {schema}.ledger (organization_id, kind, amount, call_id, event_stream, event_type, at)
        select t::uuid, 'hold', -h, i, i, event_type, at from unnest(tenants, calls, holds, created) as r(t, i, h, at);
    insert into {schema}.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, is_archived)
        select nextval('{schema}.mt_events_sequence'), e, s, 1, d, event_type, transaction_timestamp(), t, event_class, c, false
        from unnest(tenants, calls, events, facts, traces) with ordinality as r(t, s, e, d, c, n) order by n;
    done := true;
end $$;

-- begin_calls for a call that is presumed and alone, as most are while there is little to do: without arrays, joins and settings of its own
-- (connections plan lookups), in half the time. What is said there goes for it too; what one checks or writes, the other does.
create or replace function {schema}.begin_call(
    account uuid, sum numeric, new_number text, new_key bytea, call uuid, callee uuid, created timestamptz,
    event uuid, fact jsonb, trace text, event_type text, event_class text,
    document jsonb, status text, agent uuid, phone_number uuid, due timestamptz, metadata jsonb, document_class text,
    out done boolean, out known_organizations uuid[], out known_numbers text[], out known_ids uuid[], out known_keys bytea[])
language plpgsql as $$
declare
    tenant text := account;
begin
    done := false;
    perform pg_advisory_xact_lock_shared(uuid_hash_extended(account, 0));
    if exists (select from {schema}.mt_streams s where s.tenant_id = tenant and s.id = call)
        or not exists (select from {schema}.organizations a where a.id = account and a.active_calls < a.max_concurrent_calls and a.balance - a.held >= sum) then return; end if;
    if new_number is not null then
        select array[c.organization_id], array[c.number], array[c.id], array[c.key] into known_organizations, known_numbers, known_ids, known_keys
            from {schema}.callees c where c.number = new_number and c.organization_id = account;
        if found then return; end if;
    end if;

    insert into {schema}.mt_streams (tenant_id, id, type, version) values (tenant, call, 'call_document', 1);
    insert into {schema}.mt_doc_calldocument (tenant_id, id, data, mt_version, status, created_at, agent_id, phone_number_id, callee_id, due_at, metadata, mt_dotnet_type)
        values (tenant, call, document, 1, status, created, agent, phone_number, callee, due, metadata, document_class);

    update {schema}.organizations a set held = a.held + sum, active_calls = a.active_calls + 1, postings = a.postings + 1
        where a.id = account and a.active_calls < a.max_concurrent_calls and a.balance - a.held >= sum;
    if not found then
        raise exception 'an account cannot bear its calls' using errcode = 'CH003';
    end if;
    if new_number is not null then
        insert into {schema}.callees (number, organization_id, id, key) values (new_number, account, callee, new_key) on conflict do nothing;
    end if;
    if not exists (select from {schema}.callees c where c.id = callee) then
        raise exception 'a number has another key' using errcode = 'CH001';
    end if;

    insert into {schema}.ledger (organization_id, kind, amount, call_id, event_stream, event_type, at) values (account, 'hold', -sum, call, call, event_type, created);
    insert into {schema}.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, is_archived)
        values (nextval('{schema}.mt_events_sequence'), event, call, 1, fact, event_type, transaction_timestamp(), tenant, event_class, trace, false);
    done := true;
end $$;

-- Moves a stream on from the version that was read, with the document of that version; fails if somebody else has, or if the document
-- was folded anew since it was read. Before an event draws its number, so that a lost race leaves no gap in the log. Of its statements
-- the second sees what was committed before the first had the stream.
drop procedure if exists {schema}.advance_stream(text, uuid, bigint, bigint); -- knew no generations
create or replace procedure {schema}.advance_stream(tenant text, stream uuid, version_from bigint, version_to bigint, folded integer) language plpgsql as $$
begin
    update {schema}.mt_streams s set version = version_to, timestamp = transaction_timestamp() where s.tenant_id = tenant and s.id = stream and s.version = version_from;
    if not found or not exists (select from {schema}.mt_doc_calldocument d where d.tenant_id = tenant and d.id = stream and d.generation = folded) then
        raise exception 'the stream has moved on' using errcode = 'CH002';
    end if;
end $$;

-- Moves calls on by what was decided of each: stream, document, events. Of those whose stream or document has moved on since it was
-- read, or which somebody else is at, nothing is written: it tells the places of the others, from 1. So nobody waits here for a lock while
-- others wait for the round, and no event draws a number that it does not use. The document's generation is compared where it is written,
-- after the stream is locked: what stands there by then counts, not what stood there when the statement began.
-- Whoever writes a stream moves its version on: a row that was only touched meanwhile would not be found again by its place.
-- One statement, planned to look up row by row like begin_calls.
drop function if exists {schema}.take_steps(text[], uuid[], bigint[], bigint[], jsonb[], text[], timestamptz[], text[], integer[], uuid[], bigint[], jsonb[], text[], text[], text[]); -- nor did this
create or replace function {schema}.take_steps(
    tenants text[], streams uuid[], versions_from bigint[], versions_to bigint[], generations integer[], documents jsonb[], statuses text[], due timestamptz[], call_sids text[],
    steps integer[], events uuid[], versions bigint[], facts jsonb[], types text[], classes text[], traces text[], out taken bigint[])
language plpgsql set plan_cache_mode = force_generic_plan set enable_hashjoin = off set enable_mergejoin = off set enable_material = off as $$
begin
    with step as materialized (
        select * from unnest(tenants, streams, versions_from, versions_to, generations, documents, statuses, due, call_sids) with ordinality as r(t, i, before, after, g, d, s, u, c, n)),
    held as materialized (
        select r.n, h.place from step r, lateral (
            select m.ctid as place from {schema}.mt_streams m where m.tenant_id = r.t and m.id = r.i and m.version = r.before for no key update skip locked) h),
    written as (
        update {schema}.mt_doc_calldocument d set data = r.d, mt_version = r.after, status = r.s, due_at = r.u, call_sid = r.c, mt_last_modified = transaction_timestamp()
        from held h join step r on r.n = h.n where d.tenant_id = r.t and d.id = r.i and d.generation = r.g returning r.n),
    moved as (
        update {schema}.mt_streams m set version = r.after, timestamp = transaction_timestamp()
        from written w join held h on h.n = w.n join step r on r.n = w.n where m.ctid = h.place returning r.n),
    told as (
        insert into {schema}.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, is_archived)
        select nextval('{schema}.mt_events_sequence'), f.e, r.i, f.v, f.d, f.y, transaction_timestamp(), r.t, f.k, f.c, false
        from unnest(steps, events, versions, facts, types, classes, traces) with ordinality as f(s, e, v, d, y, k, c, n) join moved on moved.n = f.s join step r on r.n = f.s order by f.n)
    select array_agg(n) into taken from moved;
end $$;

-- take_steps for one call's step that nobody waits with.
create or replace function {schema}.take_step(
    tenant text, stream uuid, version_from bigint, version_to bigint, folded integer, document jsonb, new_status text, due timestamptz, leg text,
    events uuid[], facts jsonb[], types text[], classes text[], trace text, out taken bigint[])
language plpgsql as $$
begin
    perform from {schema}.mt_streams m where m.tenant_id = tenant and m.id = stream and m.version = version_from for no key update skip locked;
    if not found then return; end if;
    update {schema}.mt_doc_calldocument d set data = document, mt_version = version_to, status = new_status, due_at = due, call_sid = leg, mt_last_modified = transaction_timestamp()
        where d.tenant_id = tenant and d.id = stream and d.generation = folded;
    if not found then return; end if;
    update {schema}.mt_streams m set version = version_to, timestamp = transaction_timestamp() where m.tenant_id = tenant and m.id = stream;
    for n in 1..cardinality(events) loop
        insert into {schema}.mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, is_archived)
            values (nextval('{schema}.mt_events_sequence'), events[n], stream, version_from + n, facts[n], types[n], transaction_timestamp(), tenant, classes[n], trace, false);
    end loop;
    taken := array[1];
end $$;

create table if not exists {schema}.relay_progress (
    name   text primary key,
    seq_id bigint not null
);
insert into {schema}.relay_progress values ('events', 0) on conflict do nothing;

-- Work that follows from a fact; a row is gone once the work is done. Due at infinity: given up, for an operator to see.
create table if not exists {schema}.jobs (
    organization_id uuid not null,
    call_id         uuid not null,
    kind            text not null,
    number          integer not null,
    due_at          timestamptz not null,
    created_at      timestamptz not null,
    attempts        integer not null default 0,
    last_error      text,
    primary key (call_id, kind, number)
);
alter table {schema}.jobs add column if not exists taken_by text; -- the worker that has it; null if nobody has
create index if not exists jobs_due_but_analyses on {schema}.jobs (due_at) where kind <> 'analysis';
create index if not exists analyses_due on {schema}.jobs (due_at) where kind = 'analysis';
drop index if exists {schema}.jobs_due; -- of builds before

-- Signs of life, by the database's clock.
create table if not exists {schema}.workers (
    node    text primary key,
    seen_at timestamptz not null
);

-- When a phone number, or a carrier account, may dial next.
create table if not exists {schema}.pace (
    name    text primary key,
    free_at timestamptz not null
);

-- Calls that are over, for the totals of lists. A day is that of a call's creation, in UTC.
create table if not exists {schema}.call_counts (
    organization_id uuid not null,
    day             date not null,
    agent_id        uuid not null,
    phone_number_id uuid not null,
    status          text not null,
    calls           bigint not null,
    primary key (organization_id, day, agent_id, phone_number_id, status)
) with (fillfactor = 50);
insert into {schema}.call_counts (organization_id, day, agent_id, phone_number_id, status, calls) -- once, for calls from before
    select tenant_id::uuid, (created_at at time zone 'UTC')::date, agent_id, phone_number_id, status, count(*) from {schema}.mt_doc_calldocument
    where not exists (select from {schema}.call_counts) and status in ('completed', 'busy', 'no-answer', 'failed', 'canceled') group by 1, 2, 3, 4, 5
    on conflict do nothing;

-- Every try to tell a webhook.
create table if not exists {schema}.webhook_attempts (
    organization_id uuid not null,
    call_id         uuid not null,
    message_id      text not null,
    attempt         integer not null,
    at              timestamptz not null,
    url             text not null,
    http_status     integer,
    error           text,
    milliseconds    integer not null,
    primary key (call_id, message_id, attempt)
);

create table if not exists {schema}.data_protection_keys (
    friendly_name text primary key,
    xml           text not null
);
alter table {schema}.data_protection_keys add column if not exists created_at timestamptz not null default '-infinity';

-- Lists, newest first. Calls that are not over are few, and one index by time serves them, whatever a list is narrowed by. Those that
-- are over, by far the most, are found by each filter: they get there once, with their end, so that a call that begins or moves on is
-- not put into all of these every time. Each names the organization, though an agent has only one: the planner takes the two for independent,
-- and would sort all of an agent's calls. No index is on a part of the document, and no column of one moves with every event, so that
-- most updates touch none of them (heap-only tuples, for which pages keep room).
create index if not exists calls_living on {schema}.mt_doc_calldocument (tenant_id, created_at desc, id desc) where {living}; -- another list of statuses needs another name
create index if not exists over_newest on {schema}.mt_doc_calldocument (tenant_id, created_at desc, id desc) where due_at is null;
create index if not exists over_by_status on {schema}.mt_doc_calldocument (tenant_id, status, created_at desc, id desc) where due_at is null;
create index if not exists over_by_agent on {schema}.mt_doc_calldocument (tenant_id, agent_id, created_at desc, id desc) where due_at is null;
create index if not exists over_by_number on {schema}.mt_doc_calldocument (tenant_id, phone_number_id, created_at desc, id desc) where due_at is null;
create index if not exists over_by_callee on {schema}.mt_doc_calldocument (tenant_id, callee_id, created_at desc, id desc) where due_at is null;
create index if not exists over_with_metadata on {schema}.mt_doc_calldocument using gin (metadata jsonb_path_ops) with (gin_pending_list_limit = 512) where due_at is null; -- kB: little at a time, for whoever has to clear it waits
create index if not exists calls_with_leg on {schema}.mt_doc_calldocument (call_sid) where call_sid is not null;
create index if not exists calls_due on {schema}.mt_doc_calldocument (due_at) where due_at is not null;
alter table {schema}.mt_doc_calldocument set (fillfactor = 85);
alter table {schema}.mt_streams set (fillfactor = 85);

-- Of earlier versions; nothing is looked up by them.
drop index if exists {schema}.mt_doc_calldocument_idx_status, {schema}.mt_doc_calldocument_idx_created_at, {schema}.mt_doc_calldocument_idx_agent_id,
    {schema}.mt_doc_calldocument_idx_phone_number_id, {schema}.mt_doc_calldocument_idx_customer_number, {schema}.mt_doc_calldocument_idx_callee_id, {schema}.calls_by_customer,
    {schema}.calls_by_sid, {schema}.mt_doc_calldocument_idx_due_at, {schema}.calls_by_metadata, {schema}.calls_by_callsid,
    {schema}.calls_newest, {schema}.calls_by_status, {schema}.calls_by_agent, {schema}.calls_by_number, {schema}.calls_by_callee, {schema}.calls_with_metadata;

-- Lines of ledgers from before are counted once. Last, for whoever has an account's row may wait for nothing else here. Processes of builds
-- before go on without counting theirs: verify tells, and rebuild counts anew.
do $$ begin
    if not exists (select from information_schema.columns where table_schema = '{schema}' and table_name = 'organizations' and column_name = 'postings') then
        alter table {schema}.organizations add column postings bigint not null default 0;
        update {schema}.organizations o set postings = (select count(*) from {schema}.ledger l where l.organization_id = o.id);
    end if;
end $$;
