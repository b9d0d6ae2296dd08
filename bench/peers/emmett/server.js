// A peer of the benchmark: emmett on PostgreSQL with an inline projection, behind express, as its documentation shows it. No checks.
import { getPostgreSQLEventStore, pongoSingleStreamProjection } from '@event-driven-io/emmett-postgresql'
import { projections } from '@event-driven-io/emmett'
import express from 'express'
import { randomUUID } from 'node:crypto'

const calls = pongoSingleStreamProjection({
  collectionName: 'calls',
  canHandle: ['CallRequested'],
  evolve: (_document, { data }) => ({ ...data, status: 'queued' }),
})
const store = getPostgreSQLEventStore(process.env.POSTGRES, { projections: projections.inline([calls]) })
await store.schema.migrate()

const app = express()
app.use(express.json())
app.get('/health/ready', (_, response) => response.send('ok'))
app.post('/v1/calls', async (request, response) => {
  const { agentId, phoneNumberId, to, contextVariables, metadata } = request.body
  const data = { id: randomUUID(), agentId, phoneNumberId, customerNumber: to, contextVariables, metadata, createdAt: new Date().toISOString() }
  await store.appendToStream(`call-${data.id}`, [{ type: 'CallRequested', data }], { expectedStreamVersion: 'STREAM_DOES_NOT_EXIST' })
  response.status(201).json({ ...data, status: 'queued' })
})
app.listen(Number(process.env.PORT), '127.0.0.1')
