"""Hears of every call. Needs RabbitMQ, JSON and pika (apt-get install python3-pika); nothing of Chorus."""
import json, os, pika

channel = pika.BlockingConnection(pika.URLParameters(os.environ["CHORUS_AMQP_URL"])).channel()
channel.exchange_declare("chorus.events", exchange_type="topic", durable=True)
# A durable queue of our own keeps what happens while we are away.
channel.queue_declare("sample-consumer", durable=True)
channel.queue_bind("sample-consumer", "chorus.events", routing_key="call.#")


def heard(channel, method, properties, body):
    event = json.loads(body)  # CloudEvents 1.0; delivered at least once: the id tells a repetition
    print(event["subject"], method.routing_key, f'#{event["sequence"]}', json.dumps(event["data"]), flush=True)
    channel.basic_ack(method.delivery_tag)


channel.basic_consume("sample-consumer", heard)
print("waiting for calls", flush=True)
channel.start_consuming()
