\set n random(1, 9000000000000000000)
\startpipeline
begin;
insert into streams (id, tenant, version) values ((lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || substr(md5(:n::text), 13))::uuid, 'tenant', 1);
insert into events (id, stream_id, version, type, data) values (gen_random_uuid(), (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || substr(md5(:n::text), 13))::uuid, 1, 'call_requested', '{"id":"01a21639-5199-7d2f-8bcb-3cef00550a16","agentId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0001","phoneNumberId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0002","customerNumber":"+14155550101","status":"queued","contextVariables":{"customer_name":"Maria","company":"Acme","order_id":"1042"},"metadata":{"order":1042},"createdAt":"2026-01-05T12:00:00.123456+00:00"}');
insert into documents (id, tenant, status, data, created_at) values ((lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || substr(md5(:n::text), 13))::uuid, 'tenant', 'queued', '{"id":"01a21639-5199-7d2f-8bcb-3cef00550a16","agentId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0001","phoneNumberId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0002","customerNumber":"+14155550101","status":"queued","contextVariables":{"customer_name":"Maria","company":"Acme","order_id":"1042"},"metadata":{"order":1042},"createdAt":"2026-01-05T12:00:00.123456+00:00"}', now());
insert into outbox (body) values ('{"id":"01a21639-5199-7d2f-8bcb-3cef00550a16","agentId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0001","phoneNumberId":"3f2c1c9e-4c57-4b0e-9a55-0d4c9e8f0002","customerNumber":"+14155550101","status":"queued","contextVariables":{"customer_name":"Maria","company":"Acme","order_id":"1042"},"metadata":{"order":1042},"createdAt":"2026-01-05T12:00:00.123456+00:00"}');
commit;
\endpipeline
