CREATE DATABASE IF NOT EXISTS `shop`;

CREATE TABLE IF NOT EXISTS `shop`.`ios`
(
    `event` LowCardinality(String) COMMENT 'type of the event',
    `event_id` String COMMENT 'id of the event, or topic:partition:offset of its record',
    `event_time` DateTime64(3, 'UTC') COMMENT 'when the event happened, as the app says; without a word from it, when Kafka got the record',
    `received_at` DateTime64(3, 'UTC') COMMENT 'when Kafka got the record',
    `_topic` LowCardinality(String) COMMENT 'topic of the record',
    `_partition` Int32 COMMENT 'partition of the record',
    `_offset` Int64 COMMENT 'offset of the record in its partition',
    `order_id` String COMMENT '',
    `extra` JSON COMMENT 'fields that the schema does not name'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (`event`, `event_time`)
SETTINGS non_replicated_deduplication_window = 100000
COMMENT '{"tributary":1,"pipeline":"shop/ios","id":"uid-of-ios","epoch":1,"topic":"shop.ios","cluster":"memory"}';

ALTER TABLE `shop`.`ios` MODIFY COMMENT '{"tributary":1,"pipeline":"shop/ios","id":"uid-of-ios","epoch":1,"topic":"shop.ios","topic_id":"topic-1","cluster":"memory"}';

