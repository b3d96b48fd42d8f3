"""Owns the names that give an answer away: whoever asks with one of them has answered."""

import re

TECHNOLOGY = re.compile(
    r"""\b(?:kafka|rabbitmq|kinesis|pub/?sub|sqs|sns|nats|redis|valkey|memcached|postgres(?:ql)?|mysql|sqlite|oracle\sdb
    |dynamo(?:db)?|cassandra|scylla|hbase|bigtable|spanner|cockroach(?:db)?|mongo(?:db)?|clickhouse|snowflake|bigquery|druid|pinot
    |s3|gcs|hdfs|hadoop|parquet|rocksdb|leveldb|elastic(?:search)?|opensearch|lucene|solr|flink|spark|airflow|temporal|celery|cron
    |zookeeper|etcd|consul|raft|paxos|kubernetes|k8s|docker|lambda|ec2|nginx|envoy|istio|grpc|graphql|websockets?|webhooks?|sse|mqtt
    |protobuf|avro|prometheus|grafana|opentelemetry|jaeger|statsd|stripe|twilio|crdts?|geohash(?:es)?|quadtree|h3|hyperloglog
    |count-min|t-digest|bloom|merkle|lsm|b-?tree|skip\slist|lru|lfu|token\sbucket|leaky\sbucket|consistent\shashing|circuit\sbreakers?
    |load\sbalancers?|message\s(?:queue|broker|bus)|dead[- ]letter|write-ahead|two-phase|2pc|sagas?|outbox|vector\sclocks?|cdn
    |idempotency\skey|fencing\stoken|mutex|semaphore|ring\sbuffer|compare-and-swap|cas|jwt|oauth|mvcc|tombstones?)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Products, and mechanisms with a name of their own: whoever asks with one of them has answered."""
