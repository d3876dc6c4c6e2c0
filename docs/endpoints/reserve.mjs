// node reserve.mjs 3001
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

function reserve({ message_id, payload, parameters }) {
  const { number, lines } = payload.order.current
  const { reserved = 0 } = Object.fromEntries(parameters.map(({ name, value }) => [name, value]))
  const reservation = { order: number, skus: lines.map(line => line.sku) }
  const messages = [{ message: 'stock:reserved', payload: { reservation } }]
  return { message_id, messages, parameters: { reserved: reserved + lines.length } }
}

createServer((request, response) => json(request).then(reserve).then(
  answer => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)),
  error => response.writeHead(500).end(error.message)
)).listen(process.argv[2], '127.0.0.1')
