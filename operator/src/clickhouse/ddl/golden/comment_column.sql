ALTER TABLE `shop`.`ios` COMMENT COLUMN `amount` 'in \\ money'
