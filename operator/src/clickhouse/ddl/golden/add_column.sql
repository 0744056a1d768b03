ALTER TABLE `shop`.`ios` ADD COLUMN IF NOT EXISTS `amount` Nullable(Decimal(18, 2)) COMMENT 'in \\ money' AFTER `event_time`
