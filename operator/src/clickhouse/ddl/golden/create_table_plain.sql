CREATE TABLE IF NOT EXISTS `shop`.`ios`
(
    `event` LowCardinality(String) COMMENT 'type of the event',
    `event_time` DateTime64(3, 'UTC') COMMENT 'it\'s when it happened',
    `amount` Nullable(Decimal(18, 2)) COMMENT 'in \\ money',
    `tags` Array(String) COMMENT '',
    `extra` JSON COMMENT ''
)
ENGINE = MergeTree
ORDER BY (`event`, `event_time`)
SETTINGS non_replicated_deduplication_window = 100000
COMMENT '{"tributary":1,"pipeline":"shop/ios","id":"7f0c","epoch":1,"topic":"shop.ios"}'
