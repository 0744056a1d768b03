ALTER TABLE `shop`.`ios` MODIFY COLUMN `amount` Nullable(Decimal(18, 2)) COMMENT 'in \\ money'
